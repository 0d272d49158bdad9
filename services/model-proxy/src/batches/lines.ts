import { setImmediate as nextTurn } from 'node:timers/promises';
import { GatewayError } from '@sallyport/chassis/errors';
import { parseJson } from '@sallyport/chassis/http/json';
import { matcher } from '@sallyport/peers/access';
import type { Model, Target } from '../catalog.ts';
import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { frontOf } from '../fronts/index.ts';
import type { AccountAsk } from '../operations/account-handler.ts';
import { embeddings } from '../operations/embeddings.ts';
import { refuseUrls } from '../operations/fetched-urls.ts';
import { tokensOf } from '../operations/fields.ts';
import { moderations } from '../operations/moderations.ts';
import type { OperationKind } from '../operations/operation-kind.ts';
import { leftOutOf } from '../operations/paths.ts';
import { refuseTools } from '../passthrough/tool-traces.ts';
import { residents } from '../routing/eligible.ts';
import { wishes } from '../routing/wish.ts';
import { mayUseModel, rejectProviderIds } from '../turn/admit.ts';
import { hasControls } from '../turn/controls.ts';
import type { Gate } from '../turn/gate.ts';
import { without } from '../wire/forward.ts';

const MAX_LINES = 50_000;
const MAX_LINE = 1024 * 1024;
/** So many lines are read before others have their turn. */
const SLICE = 100;
const EXPECTED_OUTPUT = 256;
const CHAT = '/v1/chat/completions';
const KINDS: Readonly<Record<string, OperationKind>> = {
  '/v1/embeddings': embeddings,
  '/v1/moderations': moderations,
};

/** What the lines of a batch ask for, all of them the same model by the same path. */
export interface BatchInput {
  readonly path: string;
  readonly model: string;
  readonly lines: number;
  /** What all of them are taken to need. */
  readonly tokens: { readonly input: number; readonly output: number };
}

/** The lines as the provider takes them, and where they go. */
export interface ReadLines {
  readonly input: BatchInput;
  readonly target: Target;
  readonly bytes: Buffer;
}

/**
 * Reads the lines of a batch. Each is checked as a request by itself is: endpoint, model, form; none may carry tools, since
 * nobody is there to decide when they run, nor files or URLs. Rejects with the number of the line in the message.
 */
export async function readLines(gate: Gate, ask: AccountAsk, data: Buffer): Promise<ReadLines> {
  const lines = data
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length === 0 || lines.length > MAX_LINES) {
    throw new GatewayError('invalid_request', `A batch has 1 to ${MAX_LINES} lines.`, { details: { param: 'file' } });
  }
  const written: string[] = [];
  const ids = new Set<string>();
  const tokens = { input: 0, output: 0 };
  let first: { readonly path: string; readonly model: Model; readonly target: Target } | undefined;
  for (const [index, line] of lines.entries()) {
    if (index % SLICE === SLICE - 1) {
      await nextTurn();
      ask.signal.throwIfAborted();
    }
    try {
      if (line.length > MAX_LINE) throw new GatewayError('body_too_large', 'It is too long.');
      const { path, body, ...rest } = lineOf(parseJson(Buffer.from(line), { maxDepth: gate.config.request.maxDepth }));
      if (ids.has(rest.custom_id)) throw new GatewayError('invalid_request', 'Its custom_id stands there twice.');
      ids.add(rest.custom_id);
      first ??= { path, ...placeOf(gate, ask, body) };
      if (path !== first.path || body.model !== first.model.publicName) {
        throw new GatewayError('invalid_request', 'All lines must ask one model by one url.');
      }
      const most = first.model.spec.maxOutputTokens;
      const asked = check(gate, ask, path, body);
      tokens.output += Math.min(asked.output, EXPECTED_OUTPUT) * asked.n;
      tokens.input += tokensOf(line.length);
      const own = without(body, leftOutOf(first.target.provider.declaration));
      if (most !== undefined && asked.output > most) Object.assign(own, lowered(own, most));
      written.push(JSON.stringify({ ...rest, method: 'POST', url: path, body: { ...own, model: first.target.model } }));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      throw new GatewayError(error.code, `Line ${index + 1}: ${error.message}`, {
        status: error.status,
        details: { ...error.details, line: index + 1 },
      });
    }
  }
  const { path, model, target } = first as NonNullable<typeof first>;
  const input = { path, model: model.publicName, lines: lines.length, tokens };
  return { input, target, bytes: Buffer.from(`${written.join('\n')}\n`) };
}

function lineOf(value: unknown): { custom_id: string; path: string; body: JsonObject } {
  if (!isObject(value)) throw new GatewayError('invalid_request', 'It must be a JSON object.');
  const { custom_id: id, method, url, body } = value;
  if (typeof id !== 'string' || id === '') throw new GatewayError('invalid_request', 'It needs a custom_id.');
  if (method !== 'POST') throw new GatewayError('invalid_request', 'Its method must be POST.');
  if (typeof url !== 'string' || (url !== CHAT && !Object.hasOwn(KINDS, url))) {
    throw new GatewayError('unsupported', `Its url must be one of ${[CHAT, ...Object.keys(KINDS)].join(', ')}.`, {
      status: 400,
    });
  }
  if (!isObject(body)) throw new GatewayError('invalid_request', 'Its body must be a JSON object.');
  return { custom_id: id, path: url, body };
}

/** Where the lines go: to the first target of their model that may have them and whose provider takes batches. */
function placeOf(gate: Pick<Gate, 'catalog'>, { req, principal, access }: AccountAsk, { model: name }: JsonObject) {
  const model = typeof name === 'string' ? gate.catalog.find(principal.tenant, name) : undefined;
  if (!model || !mayUseModel(principal, access, model.publicName)) {
    throw new GatewayError('not_found', 'The model does not exist, or you have no access to it.', {
      details: { param: 'model' },
    });
  }
  if (model.spec.decoration !== undefined) {
    throw new GatewayError(
      'unsupported',
      'This model puts texts or parameters into requests; a batch goes around them.',
      {
        status: 400,
        details: { param: 'model' },
      },
    );
  }
  const target = residents(model, principal, req.headers).find(
    ({ provider: { declaration } }) => declaration.paths.batches && declaration.paths.files,
  );
  if (target !== undefined) return { model, target };
  throw new GatewayError('unsupported', 'No provider of this model takes batches.', {
    status: 400,
    details: { param: 'model' },
  });
}

/** The limit of output tokens, under the name that the body uses already. */
function lowered(body: JsonObject, most: number): JsonObject {
  return body.max_tokens === undefined ? { max_completion_tokens: most } : { max_tokens: most };
}

/** Checks one request; answers how many output tokens it asks for, and how many times. */
function check(
  gate: Gate,
  { principal, access }: AccountAsk,
  path: string,
  body: JsonObject,
): { readonly output: number; readonly n: number } {
  const kind = KINDS[path];
  const endpoint = kind?.endpoint ?? 'chat.completions';
  const scoped = principal.endpoints.length === 0 || matcher(principal.endpoints)(endpoint);
  if (!scoped || !access.allowsEndpoint(endpoint)) {
    throw new GatewayError('permission_denied', `This key may not use ${endpoint}.`);
  }
  refuseTools(body);
  if (hasControls(body)) {
    throw new GatewayError('unsupported', 'No line of a batch has a timeout, retries, tags or a cost.', {
      status: 400,
    });
  }
  if (kind !== undefined) {
    refuseUrls(body, kind.texts, gate.config.turn.linkHosts);
    kind.read({ body, bytes: NO_BYTES });
    return { output: 0, n: 0 };
  }
  if (wishes(body)) {
    throw new GatewayError('unsupported', 'A batch meets no wishes for routing: models, provider and fallbacks.', {
      status: 400,
      details: { param: 'provider' },
    });
  }
  const { facts } = frontOf('openai-chat').parseRequest(body);
  if (facts.stream)
    throw new GatewayError('invalid_request', 'A batch does not stream.', { details: { param: 'stream' } });
  if (facts.tools.length > 0 || facts.toolResults.length > 0) {
    throw new GatewayError('unsupported', 'A batch carries no tools.', { status: 400, details: { param: 'tools' } });
  }
  rejectProviderIds(facts);
  const attached = facts.attachments.find(({ url }) => url !== undefined);
  if (attached?.url !== undefined) refuseUrls({ url: attached.url }, [], gate.config.turn.linkHosts);
  return { output: facts.maxTokens ?? Number.POSITIVE_INFINITY, n: facts.n };
}

const NO_BYTES = Buffer.alloc(0);
