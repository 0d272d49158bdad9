import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Reservation } from '@sallyport/peers/limits';
import type { Target } from '../catalog.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { Tool } from '../chat/tools.ts';
import { noUsage } from '../chat/usage.ts';
import type { Passage } from '../routing/passage.ts';
import type { Plan } from '../routing/plan.ts';
import { shadow } from '../routing/shadow.ts';
import type { Segment } from '../wire/scan.ts';
import { tryStep } from './attempt.ts';
import type { Gate } from './gate.ts';
import { KeepAlive } from './keep-alive.ts';
import type { OperationContent } from './operation.ts';
import { type Attempt, type ModelCallFacts, recordModelCall } from './record.ts';
import { addGuess, type Guess } from './reserve.ts';
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
  /** What is counted for calls before it that were broken off; absent where there were none. */
  readonly lost?: Guess | undefined;
  /** The place in the target, given up when the answer is over; absent where none was called. */
  readonly passage?: Passage;
  /** Present where the answer comes out of the cache: no provider was called for it. */
  readonly kept?: true;
  readonly content:
    | { readonly kind: 'whole'; readonly text: string; readonly response: ChatResponse; readonly verbatim: boolean }
    /** What the provider's frames say, to be told anew. */
    | { readonly kind: 'events'; readonly segments: SegmentBatches }
    /** The provider's own frames, in the client's dialect, with what they say; a batch is what arrived at once. */
    | { readonly kind: 'segments'; readonly segments: SegmentBatches }
    | OperationContent;
}

/** The provider's frames, a batch being what arrived at once. */
export interface SegmentBatches extends AsyncIterable<readonly Segment[]> {
  /** True once the batch that was given last is the last of all. */
  over?(): boolean;
}

/**
 * Stage 10. Tries the targets of a plan, each as often as its Model says, until one begins to answer. A stream counts as
 * begun with its first piece of content: before it the next target is tried, after it nothing is tried any more.
 * Limits are reserved again at each target, since each has its own price. A call that no target answered is recorded here
 * like one that was; one that no target may serve is not begun. Throws GatewayError.
 */
export async function call(gate: Gate, turn: Turn, plan: Plan, tools: readonly Tool[]): Promise<ModelAnswer> {
  let next = plan.next(gate);
  const startedAtMs = Date.now();
  const startedAt = performance.now();
  const step = ++turn.step;
  turn.modelCalls++;
  const attempts: Attempt[] = [];
  let failure: GatewayError | undefined;
  let lost: Guess | undefined;
  const waiting = turn.facts.stream ? new KeepAlive(turn) : undefined;
  try {
    while (next !== undefined && !turn.signal.aborted) {
      const tried = await tryStep(gate, turn, plan, next, tools, attempts);
      if ('content' in tried) {
        if (next.model.spec.shadow !== undefined) shadow(gate, turn, next);
        const answer = { target: next.target, step, startedAtMs, startedAt, attempts, firstTokenMs: 0, ...tried };
        return lost === undefined ? answer : { ...answer, lost: addGuess(lost, tried.lost) };
      }
      failure = tried.error;
      lost = addGuess(lost, tried.lost);
      const { cause } = tried;
      if (cause === undefined || turn.signal.aborted) break;
      next = plan.next(gate, cause);
      if (next !== undefined) gate.metrics.fallbacks.inc({ model: turn.model.publicName, cause });
    }
  } finally {
    waiting?.end();
  }
  const error = turn.signal.aborted
    ? asGatewayError(turn.signal.reason)
    : (failure ?? new GatewayError('unavailable', 'No provider serves this model right now.'));
  recordUnanswered(gate, turn, { step, startedAtMs, durationMs: performance.now() - startedAt, attempts }, error, lost);
  throw error;
}

function recordUnanswered(
  gate: Gate,
  turn: Turn,
  of: Pick<ModelCallFacts, 'step' | 'startedAtMs' | 'durationMs' | 'attempts'>,
  error: GatewayError,
  lost: Guess | undefined,
): void {
  const last = of.attempts.at(-1);
  recordModelCall(gate, turn, {
    ...of,
    firstTokenMs: 0,
    provider: last?.provider ?? '',
    upstreamModel: last?.model ?? '',
    stream: turn.facts.stream,
    // The same as limits have counted.
    usage: lost?.usage ?? noUsage,
    usageEstimated: lost !== undefined,
    costNanoUsd: lost === undefined ? 0 : (lost.nanoUsd ?? undefined),
    finish: '',
    limits: [],
    outcome: turn.signal.aborted ? 'cancelled' : 'error',
    error,
  });
}

/** Bounds the model calls of a turn; throws step_limit. */
export function boundModelCalls(gate: Pick<Gate, 'config'>, turn: Turn): void {
  const most = gate.config.turn.maxModelCalls;
  const maxModelCalls = turn.loop === undefined ? most : Math.min(most, turn.loop.maxModelCalls);
  if (turn.modelCalls < maxModelCalls) return;
  throw new GatewayError('step_limit', `A turn makes at most ${maxModelCalls} model calls.`);
}
