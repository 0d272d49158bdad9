import {
  type DecorationVariable,
  filledText,
  type ModelDecoration,
} from '@sallyport/custom-resources/model-decoration';
import { isObject } from '../chat/json.ts';
import type { JsonObject, SystemBlock } from '../chat/message.ts';
import { frontOf } from '../fronts/index.ts';
import { frontCodecs } from '../wire/codec.ts';
import { type RequestChanges, without } from '../wire/forward.ts';
import type { Gate } from './gate.ts';
import { effective, fieldsOf, type Parameters, parametersOf, withParameters } from './parameters.ts';
import { rewriteBody } from './rewrite.ts';
import type { Turn } from './turn.ts';

/** What was put into a request. */
export interface Decoration {
  /** Of the decoration as the Model says it: SHA-256, hex. */
  readonly digest: string;
  /** Laid over what is said in the dialect of each target, since the client's may have no word for some. */
  readonly parameters: Parameters;
  /** Names of parameters for which the client's own dialect has no word. */
  readonly unsaid: readonly string[];
}

interface Compiled {
  readonly digest: string;
  readonly defaults: Parameters;
  readonly forced: Parameters;
  readonly variables: ReadonlyMap<string, DecorationVariable>;
}

const compiled = new WeakMap<ModelDecoration, Compiled>();

/**
 * Stage 4, for a Model that declares a decoration: puts its texts before and behind the client's instructions, lays forced
 * parameters over the request's, and adds defaults for what it does not say. The client's body is changed in its own dialect
 * and in nothing else. No label changes: the text is the operator's. Nor are the texts an origin of values, since a variable
 * may hold a client's word: what a model takes out of them counts as composed by it.
 */
export function decorate(gate: Pick<Gate, 'sha256'>, turn: Turn): void {
  const { decoration: spec } = turn.model.spec;
  if (spec === undefined) return;
  const { digest, defaults, forced, variables } = compile(gate, spec);
  const value = (name: string) => filled(turn, variables.get(name));
  const prependSystem = spec.prepend.map((text) => filledText(text, value));
  const appendSystem = spec.append.map((text) => filledText(text, value));
  const said = turn.request ?? frontOf(turn.dialect).neutralRequest(turn);
  const parameters = effective(said, defaults, forced);
  const { maxTokens } = parameters.sampling;
  const { fields, unsaid } = fieldsOf(turn.dialect, parameters, maxTokens ?? said.sampling.maxTokens);
  const changes: RequestChanges = {
    ...(prependSystem.length === 0 ? {} : { prependSystem }),
    ...(appendSystem.length === 0 ? {} : { appendSystem }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(Object.keys(fields).length === 0 ? {} : { fields }),
  };
  if (Object.keys(changes).length > 0) {
    rewriteBody(turn, withOwnState(frontCodecs[turn.dialect].forwardRequest(turn.body, changes), turn.body));
  }
  turn.decoration = { digest, parameters, unsaid };
  if (maxTokens !== undefined) turn.facts.maxTokens = maxTokens;
  if (turn.request === undefined) return;
  const system = [...prependSystem.map(asBlock), ...turn.request.system, ...appendSystem.map(asBlock)];
  turn.request = { ...withParameters(turn.request, parameters), system };
}

/** Fields of state that forwarding takes out of a request: this one is not on its way yet. */
const STATE = ['previous_response_id', 'conversation', 'background', 'store', 'include'];

function withOwnState(forwarded: JsonObject, body: JsonObject): JsonObject {
  const restored = without(forwarded, STATE);
  for (const name of STATE) if (body[name] !== undefined) restored[name] = body[name];
  return restored;
}

function compile(gate: Pick<Gate, 'sha256'>, spec: ModelDecoration): Compiled {
  let known = compiled.get(spec);
  if (known === undefined) {
    known = {
      digest: gate.sha256(JSON.stringify(spec)),
      defaults: parametersOf(spec.defaults),
      forced: parametersOf(spec.forced),
      variables: new Map(spec.variables.map((one) => [one.name, one])),
    };
    compiled.set(spec, known);
  }
  return known;
}

function asBlock(text: string): SystemBlock {
  return { type: 'text', text };
}

/** Control characters, line ends and marks that are not seen, with the space around them. */
const UNPLAIN_SPAN = /[\s\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** The value of a variable as one line of plain text. */
function filled(turn: Turn, variable: DecorationVariable | undefined): string {
  if (variable === undefined) return '';
  const written = variable.metadata === undefined ? ofPrincipal(turn, variable) : ofMetadata(turn, variable.metadata);
  const plain = written.replace(UNPLAIN_SPAN, ' ').trim().slice(0, variable.maxLength).toWellFormed();
  const taken = plain !== '' && (variable.allowed === undefined || variable.allowed.includes(plain));
  return taken ? plain : variable.default;
}

function ofPrincipal({ principal }: Turn, variable: DecorationVariable): string {
  switch (variable.principal) {
    case 'User':
      return principal.user;
    case 'Teams':
      return principal.teams.join(', ');
    case 'Customer':
      return principal.customer;
    case 'Client':
      return principal.client;
    case 'Tenant':
      return principal.tenant;
    default:
      return '';
  }
}

/** The client's own word; Gemini's requests have labels where the others have metadata. */
function ofMetadata({ body, dialect }: Turn, name: string): string {
  const metadata = dialect === 'gemini' ? body.labels : body.metadata;
  const value = isObject(metadata) && Object.hasOwn(metadata, name) ? metadata[name] : undefined;
  return typeof value === 'string' ? value : '';
}
