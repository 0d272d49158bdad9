import { asGatewayError } from '@sallyport/chassis/errors';
import { DecodeError, malformed } from '../chat/failure.ts';
import { asGatewayFailure } from '../fronts/failure.ts';
import type { AnyAnswer } from '../http/client-answer.ts';
import { formatUsd, priceOf } from '../pricing.ts';
import type { ModelAnswer } from '../turn/call.ts';
import type { Gate } from '../turn/gate.ts';
import type { OperationEnd, StreamedAnswer } from '../turn/operation.ts';
import { closeStream, writeHeaders } from '../turn/release.ts';
import { pricedCall } from '../turn/reserve.ts';
import { settle } from '../turn/settle.ts';
import { bodyWithCost, costOf, costWith, framesWithCost } from '../turn/tell-cost.ts';
import type { Turn } from '../turn/turn.ts';
import { ProviderError } from '../upstream/call-provider.ts';
import { rememberAnswer } from './remember-answer.ts';

/** Gives the answer of an operation to the client and settles it exactly once, however it ends. Throws what broke it. */
export async function deliver(gate: Gate, turn: Turn, answered: ModelAnswer, answer: AnyAnswer): Promise<void> {
  const { content, target } = answered;
  if (content.kind !== 'operation') throw new TypeError('an operation was answered with a chat');
  turn.provider = target.provider.name;
  turn.upstreamModel = target.model;
  if ('pieces' in content) return await stream(gate, turn, answered, content, answer);
  rememberAnswer(gate, turn, content.words ?? []);
  settle(gate, turn, answered, { ...ended(content.end), outcome: 'ok' });
  writeHeaders(turn);
  if (!turn.priced) answer.header('sallyport-cost-usd', 'unknown');
  const { body } = content;
  const isTold = turn.controls.tellsCost && typeof body === 'string';
  answer.whole(content.contentType, isTold ? bodyWithCost(body, costOf(turn)) : body);
}

async function stream(
  gate: Gate,
  turn: Turn,
  answered: ModelAnswer,
  { pieces, contentType, taken, words }: StreamedAnswer,
  answer: AnyAnswer,
): Promise<void> {
  const isEvents = contentType === 'text/event-stream';
  writeHeaders(turn);
  if (!isEvents) {
    // What bytes take is known before them; there is no word after them.
    const { nanoUsd } = priceOf(pricedCall(turn, answered.target), taken().usage);
    answer.header('sallyport-cost-usd', nanoUsd === null ? 'unknown' : formatUsd(nanoUsd));
  }
  answered.firstTokenMs = performance.now() - answered.startedAt;
  let fault: unknown;
  try {
    if (isEvents) for await (const piece of pieces) await answer.frames(costed(turn, answered, piece, taken));
    else await answer.relay(contentType, pieces);
    turn.signal.throwIfAborted();
  } catch (caught) {
    fault = told(caught);
  }
  rememberAnswer(gate, turn, words?.() ?? []);
  const error = fault === undefined ? undefined : asGatewayError(fault);
  const outcome = error === undefined ? 'ok' : turn.signal.aborted ? 'cancelled' : 'error';
  settle(gate, turn, answered, { ...ended(taken()), outcome, ...(error ? { error } : {}) });
  if (error) throw error;
  if (isEvents) closeStream(turn, undefined);
}

/** Frames that say what was used so far say what it costs too, where that is asked for. */
function costed(
  turn: Turn,
  answered: ModelAnswer,
  piece: string | Buffer,
  taken: StreamedAnswer['taken'],
): string | Buffer {
  if (!turn.controls.tellsCost || typeof piece !== 'string') return piece;
  return framesWithCost(piece, costWith(turn, answered, taken().usage));
}

/** What broke a stream, in words for the client. */
function told(caught: unknown): unknown {
  if (caught instanceof DecodeError) return asGatewayFailure(malformed(caught));
  return caught instanceof ProviderError ? asGatewayFailure(caught.failure) : caught;
}

function ended({ usage, estimated }: OperationEnd) {
  return { usage, estimated, outputBytes: 0, finish: '' };
}
