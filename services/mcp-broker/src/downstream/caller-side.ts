import { escapeHandlesIn, type JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { Called } from '../invoke/call-tool.ts';
import { shownWords } from '../invoke/shown.ts';
import { CODES, META } from '../protocol.ts';
import { type AskedInput, type Caller, callerOfCall, LOG_LEVELS, type Logged } from '../upstream/caller.ts';
import { elicitationIn, type Return } from './elicit.ts';
import type { Exchange } from './exchange.ts';
import { isObject, type Message, RpcFault } from './message.ts';

/** What a call carries of its client, and what is kept of it until the result is decided. */
interface CallerSide extends Caller {
  readonly logged: Logged[];
}

/** Most rounds of asking within one call of the older line. */
const MAX_ROUNDS = 8;
const MAX_LOGGED = 100;
const MAX_BROUGHT = 65_536;

/** What a call carries of its client; undefined where there is nothing that it takes, and nobody who can be asked. */
export function callerOf(message: Message, exchange: Exchange, back: Return): CallerSide | undefined {
  const { revision, progress, logLevel } = exchange;
  const elicitation = elicitationOf(message, exchange);
  const nothing = progress === undefined && elicitation === undefined && logLevel === undefined;
  if (revision.era === 'legacy' && nothing) return undefined;
  const roots = revision.asks === 'result' && declares(message, 'roots');
  const logged: Logged[] = [];
  return {
    logged,
    ...broughtBy(message, exchange, back),
    ...(roots ? { roots } : {}),
    ...(progress === undefined ? {} : { progress }),
    ...(elicitation === undefined ? {} : { elicitation }),
    ...(logLevel === undefined ? {} : { logLevel, log: (one: Logged) => keep(logged, one, logLevel) }),
  };
}

/** What a client brings for the tool server: to what that asked, or unasked, which it may do on 2026-07-28. */
function broughtBy({ params }: Message, { revision }: Exchange, back: Return): Pick<Caller, 'back'> {
  if (revision.asks !== 'result' || (back !== undefined && back.state.upstream === undefined)) return {};
  const { inputResponses } = params;
  if (back === undefined && !isObject(inputResponses)) return {};
  const responses = (back?.responses ?? inputResponses) as JsonObject;
  if (JSON.stringify(responses).length > MAX_BROUGHT) {
    throw new RpcFault(CODES.invalidParams, 'inputResponses are too long.');
  }
  const state = back?.state.upstream;
  return { back: { state: state === '' ? undefined : state, responses } };
}

/**
 * Makes a call. What its server asks of the user goes to a client of the older line at once, on the stream of the call, and
 * the call is made again with what came back: each round is decided and recorded as the call that it is.
 */
export async function callAsking(
  side: CallerSide | undefined,
  exchange: Exchange,
  call: () => Promise<Called>,
): Promise<{ readonly called: Called; readonly caller: Caller | undefined }> {
  if (side === undefined) return { called: await call(), caller: undefined };
  let caller = side;
  let called = await callerOfCall.run(caller, call);
  if (exchange.revision.asks === 'request') {
    for (let round = 0; called.asGiven === true && caller.asked !== undefined; round++) {
      if (round === MAX_ROUNDS) return { called: { shown: shownWords(TOO_MANY) }, caller: undefined };
      const { state } = caller.asked;
      const responses = await answersTo(caller.asked, called.shown.text, exchange);
      caller = { ...side, asked: undefined, back: { state, responses } };
      called = await callerOfCall.run(caller, call);
    }
  }
  // Like progress by words: only what may be shown as it is brings along what was logged on the way.
  if (called.asGiven === true) {
    for (const one of side.logged) {
      await exchange.notify('notifications/message', escapeHandlesIn(one as unknown as JsonValue) as object);
    }
  }
  return { called, caller };
}

const TOO_MANY = '[upstream_invalid] The tool server asks the user for too much.';

/** The refusal of a call for which the client lacks a capability (2026-07-28). */
export function lacksCapability(requiredCapabilities: JsonObject): RpcFault {
  const text = 'The client lacks a capability that the tool server needs for this.';
  return new RpcFault(CODES.missingCapability, text, { status: 400, data: { requiredCapabilities } });
}

async function answersTo(asked: AskedInput, shown: string, { elicit }: Exchange): Promise<JsonObject> {
  const responses: JsonObject = {};
  // As it was decided on, with what looks like a handle broken up.
  const requests = JSON.parse(shown) as Record<string, { params: JsonObject }>;
  for (const key of Object.keys(asked.requests)) {
    const { mode, ...params } = requests[key]?.params ?? {};
    // Forms need no word of it, and 2025-06-18 knows none.
    const answer = await elicit(mode === 'form' || mode === undefined ? params : { mode, ...params });
    responses[key] = answer ?? { action: 'cancel' };
  }
  return responses;
}

function declares({ meta }: Message, capability: string): boolean {
  const capabilities = meta[META.clientCapabilities];
  return isObject(capabilities) && isObject(capabilities[capability]);
}

function elicitationOf({ meta }: Message, { revision, session, patient }: Exchange): Caller['elicitation'] {
  if (!patient || revision.asks === 'none') return undefined;
  if (revision.asks === 'result') return elicitationIn(meta[META.clientCapabilities]);
  const form = session?.fillsForms === true;
  const url = session?.opensLinks === true && revision.links === 'error';
  return form || url ? { form, url } : undefined;
}

function keep(logged: Logged[], one: Logged, level: NonNullable<Caller['logLevel']>): void {
  const grave = LOG_LEVELS.indexOf(one.level) >= LOG_LEVELS.indexOf(level);
  if (grave && logged.length < MAX_LOGGED) logged.push(one);
}
