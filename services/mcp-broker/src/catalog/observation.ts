import type { GatewayError } from '@sallyport/chassis/errors';
import { lackingOf, lacksPerson } from '@sallyport/peers/connecting';
import { uncheckedPatterns } from '../execute/unchecked-patterns.ts';
import type { Review } from '../offerings/review.ts';
import type { Server, Suspicions } from './catalog.ts';
import type { Suspicion } from './poison/detector.ts';
import type { Attempt } from './refresh.ts';
import type { HeldFor, Settled } from './settle.ts';
import { definitionTokens } from './token-cost.ts';

const NAMED = 5;
const MAX_NAME = 128;
const NOT_CONNECTED = 'NotConnected';

type Status = 'True' | 'False' | 'Unknown';

/** What the operator is told of one server. */
export type Observation = ReturnType<typeof observationOf>;

/** What is said of one server. */
export function observationOf(
  server: Server,
  attempt: Attempt,
  settled: Settled | undefined,
  suspicions: Suspicions = new Map(),
  standIns: ReadonlyMap<string, string> = new Map(),
  review: Review | undefined = undefined,
) {
  const { tenant, name, uid } = server;
  const { error } = attempt;
  const conditions = [
    error === undefined
      ? condition('Reachable', 'True', 'Listed', listedMessage(settled))
      : condition(
          'Reachable',
          error.code === 'upstream_credentials' ? 'Unknown' : 'False',
          isUnknownYet(error) ? NOT_CONNECTED : reasonOf(error.code),
          isUnknownYet(error) ? 'Its tools are not known before the first person connects or calls it.' : error.message,
        ),
    condition('CredentialsValid', ...credentials(server, error)),
  ];
  if (settled) conditions.push(driftOf(settled, review), suspectOf(settled, suspicions, review));
  return {
    kind: 'ToolServer',
    tenant,
    name,
    uid,
    generation: attempt.generation,
    conditions,
    statusJson: settled ? withPrompts(statusOf(settled, suspicions, standIns), review) : '',
  };
}

const WHY: Readonly<Record<Exclude<HeldFor, 'suspect'>, readonly [reason: string, what: string]>> = {
  drift: ['DefinitionChanged', 'the new definition'],
  unreviewed: ['NotReviewed', 'the definition, as "sallyport promote" does'],
};

function driftOf({ held }: Settled, review: Review | undefined) {
  for (const why of ['drift', 'unreviewed'] as const) {
    const names = [...held].flatMap(([name, one]) => (one === why ? [name] : []));
    const [reason, what] = WHY[why];
    const message = `Held until spec.tools[].digest names ${what}: ${some(names)}.`;
    if (names.length > 0) return condition('DefinitionDrift', 'True', reason, message);
  }
  for (const why of ['drift', 'unreviewed'] as const) {
    const prompts = heldPrompts(review, why);
    const [reason, what] = WHY[why];
    const message = `Held until spec.prompts[].digest names ${what}: ${some(prompts)}.`;
    if (prompts.length > 0) return condition('DefinitionDrift', 'True', reason, message);
  }
  return condition('DefinitionDrift', 'False', 'AsPinned', 'Every definition is the pinned one.');
}

function heldPrompts(review: Review | undefined, why: HeldFor): string[] {
  return [...(review?.held ?? [])].flatMap(([name, one]) => (one === why ? [`prompt ${name}`] : []));
}

/** What is suspicious besides tools, by name. Names and URIs are the server's: shown as far as they can be seen. */
function besideTools(review: Review | undefined): [string, readonly Suspicion[]][] {
  const visible = (text: string) => text.replace(/[^\x21-\x7e]/g, '?').slice(0, MAX_NAME);
  const prompts =
    review?.prompts.flatMap(({ name, suspicions = [] }) =>
      suspicions.length === 0 ? [] : [[name, suspicions] as const],
    ) ?? [];
  return [
    ...prompts.map(([name, found]): [string, readonly Suspicion[]] => [`prompt ${visible(name)}`, found]),
    ...[...(review?.resources ?? [])].map(([uri, found]): [string, readonly Suspicion[]] => [
      `resource ${visible(uri)}`,
      found,
    ]),
  ];
}

function suspectOf({ held }: Settled, suspicions: Suspicions, review: Review | undefined) {
  const heldNames = [...held].flatMap(([name, why]) => (why === 'suspect' ? [name] : []));
  const promptNames = heldPrompts(review, 'suspect');
  const told = [...suspicions, ...besideTools(review)].map(
    ([name, found]) => `${name} (${[...new Set(found.map(({ code }) => code))].join(', ')})`,
  );
  if (heldNames.length > 0) {
    const message = `Held until spec.tools[].digest names them: ${some(heldNames)}. Found: ${some(told)}.`;
    return condition('DefinitionSuspect', 'True', 'Held', message);
  }
  if (promptNames.length > 0) {
    const message = `Held until spec.prompts[].digest names them: ${some(promptNames)}. Found: ${some(told)}.`;
    return condition('DefinitionSuspect', 'True', 'Held', message);
  }
  if (told.length > 0) {
    const message = `Offered, and to be looked at by a person: ${some(told)}.`;
    return condition('DefinitionSuspect', 'True', 'Flagged', message);
  }
  return condition('DefinitionSuspect', 'False', 'NothingFound', 'Nothing suspicious was found in the definitions.');
}

/** Most of what was found that a tool shows in the status. */
const MAX_SHOWN = 8;
/** Of all tools together; beyond that one each is shown. At 300 bytes each an object of 512 tools stays below a megabyte. */
const MAX_SHOWN_OF_ALL = 1_500;

function withPrompts(json: string, review: Review | undefined): string {
  if (review === undefined || review.prompts.length === 0) return json;
  return `${json.slice(0, -1)},"prompts":${JSON.stringify(review.prompts)}}`;
}

const statuses = new WeakMap<Settled, { readonly suspicions: Suspicions; readonly json: string }>();

// Hundreds of lines, and the same for as long as the server says the same.
function statusOf(settled: Settled, suspicions: Suspicions, standIns: ReadonlyMap<string, string>): string {
  // What other servers say may change what stands for these.
  if (standIns.size > 0) return JSON.stringify(fieldsOf(settled, suspicions, standIns));
  const held = statuses.get(settled);
  if (held?.suspicions === suspicions) return held.json;
  const json = JSON.stringify(fieldsOf(settled, suspicions));
  statuses.set(settled, { suspicions, json });
  return json;
}

function fieldsOf(settled: Settled, suspicions: Suspicions, standIns: ReadonlyMap<string, string> = new Map()) {
  const tokens = new Map(settled.definitions.map((one) => [one.name, definitionTokens(one)]));
  const unchecked = new Map(settled.definitions.map((one) => [one.name, uncheckedPatterns(one)]));
  let room = MAX_SHOWN_OF_ALL;
  return {
    tools: settled.status.map((line) => {
      const found = suspicions.get(line.name)?.slice(0, room > 0 ? MAX_SHOWN : 1);
      room -= found?.length ?? 0;
      const unrun = unchecked.get(line.name) ?? 0;
      const whileDown = standIns.get(line.name);
      const more = {
        ...(whileDown === undefined ? {} : { whileDown }),
        ...(unrun > 0 ? { uncheckedPatterns: unrun } : {}),
        ...(found ? { suspicions: found } : {}),
      };
      return { ...line, tokens: tokens.get(line.name) ?? 0, ...more };
    }),
    definitionTokens: settled.inForce.reduce((sum, { definition }) => sum + (tokens.get(definition.name) ?? 0), 0),
  };
}

function isUnknownYet(error: GatewayError): boolean {
  return lackingOf(error) !== undefined || lacksPerson(error);
}

function credentials(server: Server, error: GatewayError | undefined): [Status, string, string] {
  const code = error?.code;
  const { auth } = server.spec;
  if (lackingOf(error)) return ['Unknown', NOT_CONNECTED, 'Nobody has connected it yet; people do so at /me.'];
  if (lacksPerson(error)) return ['Unknown', NOT_CONNECTED, 'Nobody in whose name it is called was here yet.'];
  if (auth === undefined && server.spec.credentials === undefined)
    return ['True', 'NotNeeded', 'No credential is declared.'];
  if (code === 'upstream_credentials') return ['False', 'Refused', 'There is no credential, or the server refused it.'];
  if (code === undefined) return ['True', 'Accepted', 'The server took the credential.'];
  return ['Unknown', 'NotTried', 'The server could not be asked.'];
}

function listedMessage(settled: Settled | undefined): string {
  const dropped = settled?.dropped ?? [];
  const left =
    dropped.length === 0 ? '' : ` Left out: ${some(dropped.map(({ name, reason }) => `${name} (${reason})`))}.`;
  const unrun = (settled?.inForce ?? []).filter(({ definition }) => uncheckedPatterns(definition) > 0);
  const names = unrun.map(({ definition }) => definition.name);
  const alone = names.length === 0 ? '' : ` It alone checks some patterns of arguments or results of ${some(names)}.`;
  return `The server lists ${(settled?.status ?? []).length} tools.${left}${alone}`;
}

function some(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}

function reasonOf(code: string): string {
  return code
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}

function condition(type: string, status: Status, reason: string, message: string) {
  return { type, status, reason, message };
}
