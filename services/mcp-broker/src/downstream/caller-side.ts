import { escapeHandlesIn, type JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { Called } from '../invoke/call-tool.ts';
import { shownWords } from '../invoke/shown.ts';
import { CODES, META } from '../protocol.ts';
import { isSample } from '../sampling/read-request.ts';
import { type AskedInput, type Caller, callerOfCall, LOG_LEVELS, type Logged } from '../upstream/caller.ts';
import { elicitationIn, type Return } from './elicit.ts';
import type { Exchange } from './exchange.ts';
import { isObject, type Message, RpcFault } from './message.ts';
import { readAnswer, readAnswers } from './read-answers.ts';
import { isOfPage, type RequestState } from './request-state.ts';

/** What a call carries of its client. */
interface CallerSide extends Caller {
  /** Keys of answers that answer nothing which was asked. */
  readonly unasked: readonly string[];
}

/** Has a model asked what a server wants; throws NotSampled. */
export type Sample = (params: unknown) => Promise<JsonObject>;

/** Nothing is answered, and the call ends with this. */
export class NotSampled extends Error {
  readonly code: string;

  constructor(code: string, text: string) {
    super(text);
    this.name = 'NotSampled';
    this.code = code;
  }
}

/** Most rounds of asking for one call. */
const MAX_ROUNDS = 8;
const MAX_LOGGED = 100;

/** What a call carries of its client; undefined where there is nothing that it takes, and nobody who can be asked. */
export function callerOf(
  message: Message,
  exchange: Exchange,
  back: Return,
  sampling: boolean,
): CallerSide | undefined {
  const { revision, progress, logLevel } = exchange;
  const elicitation = elicitationOf(message, exchange);
  const nothing = progress === undefined && elicitation === undefined && logLevel === undefined;
  if (revision.era === 'legacy' && nothing && !sampling) return undefined;
  const roots = revision.asks === 'result' && declares(message, 'roots');
  const logged: Logged[] = [];
  return {
    ...broughtBy(message, exchange, back),
    ...(roots ? { roots } : {}),
    ...(sampling ? { sampling } : {}),
    ...(progress === undefined ? {} : { progress }),
    ...(elicitation === undefined ? {} : { elicitation }),
    ...(logLevel === undefined ? {} : { logLevel, log: (one: Logged) => keep(logged, one, logLevel) }),
    ...(logLevel === undefined ? {} : { takeLogged: () => logged.splice(0) }),
  };
}

const NOTHING = { unasked: [] };

/** What a client brings for the tool server: answers to what that asked in the round whose state it hands back, and no others. */
function broughtBy({ params }: Message, { revision }: Exchange, back: Return): Pick<CallerSide, 'back' | 'unasked'> {
  const { inputResponses } = params;
  if (revision.asks !== 'result' || (back === undefined && inputResponses === undefined)) return NOTHING;
  const { upstream = '', asked = {}, answers } = back?.state ?? {};
  const state = upstream === '' ? undefined : upstream;
  // Who comes back from a page of the gateway answers that; what they told the server waits in the state.
  if (back !== undefined && isOfPage(back.state)) {
    return answers === undefined ? NOTHING : { ...NOTHING, back: { state, asked, responses: answers } };
  }
  const { responses, unasked } = readAnswers(inputResponses ?? {}, asked);
  return back === undefined ? { unasked } : { back: { state, asked, responses }, unasked };
}

/** What is kept of answers while their call waits for a page of the gateway. */
export function stateOfAnswers(side: Caller | undefined, round: number): Partial<RequestState> {
  const { back } = side ?? {};
  return back === undefined ? {} : { upstream: back.state ?? '', asked: back.asked, round, answers: back.responses };
}

/**
 * Makes a call. What its server asks of the user goes to a client of the older line at once, on the stream of the call, and
 * the call is made again with what came back: each round is decided and recorded as the call that it is. Before is how
 * often it has asked already, in rounds that came as requests of their own. What it wants a model asked is answered here;
 * where it is not, `giveUp` lets go of a call that waits for it.
 */
export async function callAsking(
  side: CallerSide | undefined,
  exchange: Exchange,
  call: () => Promise<Called>,
  before: number,
  sample: Sample | undefined,
  giveUp: (state: string) => void = () => undefined,
): Promise<{ readonly called: Called; readonly caller: Caller | undefined }> {
  if (side === undefined) return { called: await call(), caller: undefined };
  let caller = side;
  let called: Called;
  const logs: Logged[] = [];
  const make = async () => {
    const made = await callerOfCall.run(caller, call);
    logs.push(...(made.logs ?? []).slice(0, MAX_LOGGED - logs.length));
    return made;
  };
  try {
    caller = await withSamples(side, sample);
    called = await make();
    for (let round = before; called.asGiven === true && caller.asked !== undefined; round++) {
      if (round >= MAX_ROUNDS)
        throw new NotSampled('upstream_invalid', 'The tool server asks for too much in one call.');
      const { state, requests: asked } = caller.asked;
      const theirs = Object.fromEntries(Object.entries(asked).filter(([, one]) => !isSample(one)));
      // It is for the client to come back with them.
      if (exchange.revision.asks === 'result' && Object.keys(theirs).length > 0) break;
      const responses = await answersTo({ requests: theirs, state }, called.shown.text, exchange);
      caller = await withSamples({ ...side, asked: undefined, back: { state, asked, responses } }, sample);
      called = await make();
    }
  } catch (error) {
    const { state } = caller.asked ?? caller.back ?? {};
    if (state !== undefined) giveUp(state);
    if (!(error instanceof NotSampled)) throw error;
    return ended(error.code, error.message);
  }
  const unshown = called.asGiven === true ? undefined : caller.asked?.state;
  if (unshown !== undefined) giveUp(unshown);
  // Like progress by words: only what may be shown as it is brings along what was logged on the way.
  if (called.asGiven === true) {
    for (const one of logs) {
      await exchange.notify('notifications/message', escapeHandlesIn(one as unknown as JsonValue) as object);
    }
  }
  return { called, caller };
}

function ended(code: string, text: string): { readonly called: Called; readonly caller: undefined } {
  return { called: { shown: shownWords(`[${code}] ${text}`) }, caller: undefined };
}

/** A caller with answers of a model to what is not the client's to answer. */
async function withSamples(caller: CallerSide, sample: Sample | undefined): Promise<CallerSide> {
  const { back } = caller;
  if (back === undefined || sample === undefined) return caller;
  const open = Object.entries(back.asked).filter(([key, one]) => isSample(one) && !Object.hasOwn(back.responses, key));
  if (open.length === 0) return caller;
  const responses = { ...back.responses };
  for (const [key, one] of open) responses[key] = await sample((one as JsonObject).params);
  return { ...caller, back: { ...back, responses } };
}

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
    responses[key] = readAnswer(asked.requests[key] as JsonObject, answer) ?? { action: 'cancel' };
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
