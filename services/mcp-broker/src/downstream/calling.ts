import { asGatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { connectLink, type Lacking } from '@sallyport/peers/connecting';
import { ANSWERS, hasAnswers } from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { single } from '../invoke/admit.ts';
import type { Patience } from '../invoke/ask.ts';
import { callOrStandIn } from '../invoke/call-or-stand-in.ts';
import type { Gate } from '../invoke/gate.ts';
import { recordRefusedCall } from '../invoke/record.ts';
import type { Shown } from '../invoke/shown.ts';
import type { Turn } from '../invoke/turn.ts';
import { CODES } from '../protocol.ts';
import { sampledSoFar } from '../sampling/sample.ts';
import { callAsking, callerOf, lacksCapability, NotSampled, type Sample, stateOfAnswers } from './caller-side.ts';
import {
  approvalLink,
  approvalPage,
  askedByServer,
  connectPage,
  connectResult,
  inputRequired,
  opensLinks,
  readReturn,
  urlElicitation,
  waitingResult,
} from './elicit.ts';
import { type Exchange, TRAJECTORY_HEADER, TRAJECTORY_META } from './exchange.ts';
import { type Message, RpcFault } from './message.ts';
import { UNASKED_META } from './read-answers.ts';
import { isOfPage } from './request-state.ts';

/** Member of `_meta` by which a client names a call: sent again under this name, it is not made again. */
const ONCE_META = 'sallyport.dev/idempotency-key';

/** Member of `_meta` that says in how many seconds a call that a limit refused may be made again. */
export const RETRY_META = 'sallyport.dev/retry-after-seconds';

/** Member of `_meta` that names the tool that answered in the place of the one that was called. */
const ANSWERED_META = 'sallyport.dev/answered-by';

/** What is to be called. */
export interface Callee {
  readonly tool: BrokerTool;
  /** Name by which the client called it. */
  readonly name: string;
  readonly args: JsonObject;
}

/** What became of a call, with the `_meta` of its answer. */
export type Made = { readonly _meta: object } & (
  | { readonly kind: 'shown'; readonly shown: Shown; readonly asGiven: boolean }
  /** A result by which the client is asked for input before the call can go on. */
  | { readonly kind: 'input'; readonly result: object }
  /** The call waits for people; a result that says so, and where. */
  | { readonly kind: 'waiting'; readonly result: { readonly content: readonly object[] } }
);

/** Makes a call for a client: in its run, with the patience that the client has, and asks it for what it can give. */
export async function makeCall(
  gate: Gate,
  message: Message,
  exchange: Exchange,
  turn: Turn,
  { tool, name, args }: Callee,
): Promise<Made> {
  const { admitted, answerHeader, revision, session } = exchange;
  const { principal } = admitted;
  if (hasAnswers(args)) throw new RpcFault(CODES.invalidParams, `No argument may be called ${ANSWERS}.`);
  const named = claimedRun(message, exchange);
  const request = { principal, method: message.method, name, args };
  const back = readReturn(gate, message, request);
  const links = canOpenLinks(message, exchange);
  // Who comes back with what a tool server asked for was not asked by us.
  const asked = back !== undefined && isOfPage(back.state);
  const declined = asked && !back.consents;
  const { wait, elicitAfter } = gate.config.approvals;
  const patience: Patience = {
    // Who can show the page is not kept waiting before its user knows of it; who declined does not wait at all.
    waitMs: !exchange.patient || declined ? 0 : links && !asked ? Math.min(elicitAfter, wait) : wait,
    waits() {
      answerHeader(TRAJECTORY_HEADER, turn.trajectory);
      return exchange.waits('This call waits for an approval.');
    },
  };
  const trajectory = named || (back?.state.trajectory ?? '');
  const claim = { trajectory, session: session?.run ?? '', onceKey: onceKeyOf(message) };
  const sampledBefore = back?.state.sampled ?? 0;
  if (sampledBefore > 0) turn.sampledBefore = sampledBefore;
  const sample = sampleFor(gate, turn, { tool, args }, back?.state.trajectory ?? '');
  const callerSide = callerOf(message, exchange, back, sample !== undefined);
  const call = () => callOrStandIn(gate, turn, claim, tool, args, patience);
  const unasked = callerSide?.unasked ?? [];
  if (unasked.length > 0) turn.unasked = unasked;
  const before = back?.state.round ?? 0;
  const { called, caller } = await callAsking(callerSide, exchange, call, before, sample, gate.runner.upstream.giveUp);
  gate.sampler?.ended(turn, called.pending !== undefined);
  answerHeader(TRAJECTORY_HEADER, turn.trajectory);
  const { shown, asGiven = false, pending, lacking, retryAfterSeconds, answeredBy } = called;
  const _meta: Record<string, unknown> = { [TRAJECTORY_META]: turn.trajectory };
  if (unasked.length > 0) _meta[UNASKED_META] = { code: 'answer_not_asked', keys: unasked };
  if (answeredBy !== undefined) _meta[ANSWERED_META] = answeredBy;
  if (retryAfterSeconds !== undefined) {
    answerHeader('retry-after', `${retryAfterSeconds}`);
    _meta[RETRY_META] = retryAfterSeconds;
  }
  if (caller?.lacked !== undefined && revision.era === 'modern') throw lacksCapability(caller.lacked);
  if (asGiven && caller?.asked !== undefined) {
    const { state: upstream = '', requests } = caller.asked;
    const further = { upstream, asked: requests, round: before + 1, sampled: sampledSoFar(turn) };
    const state = { approvalId: '', trajectory: turn.trajectory, ...further };
    return { kind: 'input', result: askedByServer(shown.text, gate.states.seal(request, state)), _meta };
  }
  if (pending === undefined && lacking === undefined) return { kind: 'shown', shown, asGiven, _meta };
  const base = exchange.base();
  const page = pending
    ? approvalPage(approvalLink(base, pending), pending)
    : connectPage(connectLink(base, lacking as Lacking), lacking as Lacking);
  if (links && !asked) {
    if (revision.links === 'error') throw urlElicitation(page);
    const waiting = { ...stateOfAnswers(caller, before), sampled: sampledSoFar(turn) };
    const state = { approvalId: pending?.id ?? '', trajectory: turn.trajectory, ...waiting };
    return { kind: 'input', result: inputRequired(page, gate.states.seal(request, state)), _meta };
  }
  const { result, meta } = pending
    ? waitingResult(called, page.link, pending, declined)
    : connectResult(page.link, lacking as Lacking);
  return { kind: 'waiting', result, _meta: { ..._meta, ...meta } };
}

/** Has a model asked for the server of a tool, where the administrator lets it; what is refused of it is recorded. */
function sampleFor(gate: Gate, turn: Turn, { tool, args }: Omit<Callee, 'name'>, run: string): Sample | undefined {
  const { sampler } = gate;
  if (sampler === undefined || tool.server.spec.sampling === undefined) return undefined;
  return async (params) => {
    try {
      return await sampler.sample(turn, tool, args, params);
    } catch (caught) {
      turn.signal.throwIfAborted();
      const error = asGatewayError(caught);
      // What comes back with a state is answered before the call joins its run.
      turn.trajectory ||= run || uuidv7();
      recordRefusedCall(gate, turn, tool, uuidv7(), error);
      throw new NotSampled(error.code, `${error.message} The tool server was not answered.`);
    }
  };
}

function canOpenLinks(message: Message, { revision, session, patient }: Exchange): boolean {
  if (!patient) return false;
  if (revision.links === 'result') return opensLinks(message);
  return revision.links === 'error' && session?.opensLinks === true;
}

/** The client's own name for a call; undefined for none. Throws RpcFault for what is no such name. */
function onceKeyOf({ meta }: Message): string | undefined {
  const key = meta[ONCE_META];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,128}$/.test(key)) return key;
  throw new RpcFault(CODES.invalidParams, `_meta ${ONCE_META} must be 1 to 128 printable ASCII characters.`);
}

/** The run that a request names, in its header or its `_meta`; '' for none. Throws RpcFault where they disagree. */
export function claimedRun(message: Message, { headers }: Pick<Exchange, 'headers'>): string {
  const inHeader = single(headers[TRAJECTORY_HEADER]);
  const inMeta = message.meta[TRAJECTORY_META] ?? '';
  if (typeof inMeta !== 'string') throw new RpcFault(CODES.invalidParams, `_meta ${TRAJECTORY_META} must be a text.`);
  if (inHeader !== '' && inMeta !== '' && inHeader !== inMeta) {
    throw new RpcFault(CODES.invalidParams, `${TRAJECTORY_HEADER} and _meta name different runs.`);
  }
  return (inHeader || inMeta).slice(0, 64);
}
