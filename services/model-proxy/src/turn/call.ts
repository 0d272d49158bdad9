import type { EndSignal } from '@sallyport/chassis/ending';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Reservation } from '@sallyport/peers/limits';
import type { Target } from '../catalog.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamEvent } from '../chat/stream.ts';
import type { Tool } from '../chat/tools.ts';
import { noUsage } from '../chat/usage.ts';
import { asGatewayFailure } from '../fronts/failure.ts';
import { type CallHooks, callProvider, ProviderError } from '../upstream/call-provider.ts';
import type { Segment } from '../wire/scan.ts';
import type { Gate } from './gate.ts';
import type { OperationContent } from './operation.ts';
import { type Attempt, recordModelCall } from './record.ts';
import { requestSpent, reserve } from './reserve.ts';
import { fallbackCause } from './route.ts';
import type { Turn } from './turn.ts';

/** What a provider answered, before anything of it went to the client. */
export interface ModelAnswer {
  readonly target: Target;
  readonly step: number;
  readonly startedAtMs: number;
  /** `performance.now()` at the start. */
  readonly startedAt: number;
  firstTokenMs: number;
  readonly attempts: readonly Attempt[];
  readonly reservation: Reservation;
  readonly requestBytes: number;
  /** Present where the answer comes out of the cache: no provider was called for it. */
  readonly kept?: true;
  readonly content:
    | { readonly kind: 'whole'; readonly text: string; readonly response: ChatResponse; readonly verbatim: boolean }
    | { readonly kind: 'events'; readonly events: AsyncIterable<StreamEvent> }
    /** The provider's own frames, in the client's dialect, with what they say; a batch is what arrived at once. */
    | { readonly kind: 'segments'; readonly segments: SegmentBatches }
    | OperationContent;
}

/** The provider's frames, a batch being what arrived at once. */
export interface SegmentBatches extends AsyncIterable<readonly Segment[]> {
  /** True once the batch that was given last is the last of all. */
  over?(): boolean;
}

const LONGEST_WAIT_MS = 2_000;
const FIRST_WAIT_MS = 100;

/**
 * Stage 10. Calls the targets in order, each as often as the Model says, until one begins to answer. A stream counts as
 * begun with its first piece of content: before it the next target is tried, after it nothing is tried any more.
 * Limits are reserved again at each target, since each has its own price. A call that no target answered is recorded here
 * like one that was. Throws GatewayError.
 */
export async function call(
  gate: Gate,
  turn: Turn,
  targets: readonly Target[],
  tools: readonly Tool[],
): Promise<ModelAnswer> {
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  const step = ++turn.step;
  turn.modelCalls++;
  const attempts: Attempt[] = [];
  let failure: GatewayError | undefined;
  for (const [index, target] of targets.entries()) {
    for (let attempt = 0; attempt <= turn.model.spec.retry.attempts && !turn.signal.aborted; attempt++) {
      const tried = await tryTarget(gate, turn, target, tools, attempts);
      if ('content' in tried) {
        return { target, step, startedAtMs, startedAt, attempts, firstTokenMs: 0, ...tried };
      }
      failure = tried.error;
      if (turn.signal.aborted) break;
      const wait = tried.retryable ? waitBefore(attempt + 1, tried.retryAfterMs) : undefined;
      if (wait === undefined || attempt === turn.model.spec.retry.attempts) break;
      await pause(wait, turn.signal);
    }
    if (turn.signal.aborted) break;
    const cause = failure && causes.get(failure);
    const last = index === targets.length - 1;
    if (last || !cause || !turn.model.spec.fallbackOn.includes(cause)) break;
    gate.metrics.fallbacks.inc({ model: turn.model.publicName, cause });
  }
  const error = turn.signal.aborted
    ? asGatewayError(turn.signal.reason)
    : (failure ?? new GatewayError('unavailable', 'No provider serves this model right now.'));
  const last = attempts.at(-1);
  recordModelCall(gate, turn, {
    step,
    startedAtMs,
    durationMs: performance.now() - startedAt,
    firstTokenMs: 0,
    provider: last?.provider ?? '',
    upstreamModel: last?.model ?? '',
    stream: turn.facts.stream,
    usage: noUsage,
    usageEstimated: false,
    costNanoUsd: 0,
    finish: '',
    attempts,
    limits: [],
    outcome: turn.signal.aborted ? 'cancelled' : 'error',
    error,
  });
  throw error;
}

/** Bounds the model calls of a turn; throws step_limit. */
export function boundModelCalls(gate: Pick<Gate, 'config'>, turn: Turn): void {
  const { maxModelCalls } = gate.config.turn;
  if (turn.modelCalls < maxModelCalls) return;
  throw new GatewayError('step_limit', `A turn makes at most ${maxModelCalls} model calls.`);
}

type Tried =
  | Pick<ModelAnswer, 'content' | 'reservation' | 'requestBytes'>
  | { readonly error: GatewayError; readonly retryable: boolean; readonly retryAfterMs?: number };

/** Why a failed target lets the next one be tried; kept beside the error so that the client never sees it. */
const causes = new WeakMap<GatewayError, 'Error' | 'RateLimit' | 'ContextWindow'>();

async function tryTarget(
  gate: Gate,
  turn: Turn,
  target: Target,
  tools: readonly Tool[],
  attempts: Attempt[],
): Promise<Tried> {
  const began = performance.now();
  let reservation: Reservation | undefined;
  let credential: string | undefined;
  const note = (outcome: string, facts: { status?: number | undefined; error?: string } = {}) => {
    attempts.push({
      provider: target.provider.name,
      model: target.model,
      outcome,
      ms: Math.round(performance.now() - began),
      ...(facts.status === undefined ? {} : { status: facts.status }),
      ...(facts.error === undefined ? {} : { error: facts.error }),
      ...(credential === undefined ? {} : { credential }),
    });
  };
  try {
    const hooks: CallHooks = {
      onCredential: (reference) => {
        credential = reference;
      },
      onBody: async (bytes) => {
        reservation = await reserve(gate, turn, target, bytes);
      },
    };
    const answered = turn.operation
      ? await turn.operation.call(gate, turn, target, hooks)
      : await callProvider(gate, turn, target, tools, hooks);
    note('ok', { status: answered.status });
    return {
      content: answered.content,
      requestBytes: answered.requestBytes,
      reservation: reservation as unknown as Reservation,
    };
  } catch (caught) {
    // What was sent counts as a request, whatever became of it; tokens and money of a failed call are not known to be spent.
    reservation?.settle(requestSpent(turn));
    if (caught instanceof ProviderError) {
      const { failure } = caught;
      note('error', { status: failure.status, error: failure.kind });
      const error = asGatewayFailure(failure);
      const cause = fallbackCause(failure.kind);
      if (cause) causes.set(error, cause);
      return {
        error,
        retryable: failure.retryable,
        ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
      };
    }
    const error = asGatewayError(caught);
    note('error', { error: error.code });
    if (
      error.code === 'upstream_timeout' ||
      error.code === 'upstream_error' ||
      error.code === 'upstream_credentials' ||
      error.code === 'unsupported'
    ) {
      causes.set(error, 'Error');
    }
    return { error, retryable: error.code === 'upstream_error' };
  }
}

/** How long to wait before a retry: as the provider says, else doubling from 100 ms with jitter; undefined: too long. */
function waitBefore(attempt: number, retryAfterMs: number | undefined): number | undefined {
  if (retryAfterMs !== undefined) return retryAfterMs <= LONGEST_WAIT_MS ? retryAfterMs : undefined;
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
}

function pause(ms: number, signal: EndSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
