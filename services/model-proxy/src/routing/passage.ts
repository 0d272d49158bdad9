import type { BreakerOutcome, Passage as BreakerPassage } from '@sallyport/chassis/breaker';
import type { EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Step } from './plan.ts';
import type { RoutingState, TargetState } from './state.ts';

/** The longest that a provider's wish for quiet keeps its target alone. */
const LONGEST_REST_MS = 60_000;
/** How long a target rests that answered 429 without saying how long. */
const REST_MS = 1_000;
/** How long a target rests whose key was refused; a new key serves at once where there is no other target. */
const REFUSED_REST_MS = 10_000;

/** What a call took, for what is known of its target. */
export interface Measured {
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly outputTokens: number;
  readonly stream: boolean;
}

/** One call under way at a target: a place in it, and what its breaker let through. Ends once, whatever comes. */
export class Passage {
  readonly startedAt: number;
  /** How long the call waited for its place. */
  readonly waitedMs: number;
  readonly #routing: RoutingState;
  readonly #state: TargetState;
  readonly #step: Step;
  readonly #kind: BreakerPassage;
  #over = false;

  constructor(routing: RoutingState, state: TargetState, step: Step, kind: BreakerPassage, waitedMs: number) {
    this.#routing = routing;
    this.#state = state;
    this.#step = step;
    this.#kind = kind;
    this.startedAt = routing.now();
    this.waitedMs = waitedMs;
    state.usedAt = this.startedAt;
  }

  /** The call is over; `measured` where it was answered. */
  end(outcome: BreakerOutcome, measured?: Measured): void {
    if (this.#over) return;
    this.#over = true;
    const state = this.#state;
    const now = this.#routing.now();
    const { breaker } = this.#step.routing;
    const wasOpen = outcome === 'failed' && state.breaker.phase(now) === 'open';
    state.breaker.end(this.#kind, outcome, now, breaker);
    if (outcome === 'failed' && !wasOpen && state.breaker.phase(now) === 'open') {
      this.#routing.onOpened?.(state.key, state.breaker.waitMs(now));
    }
    if (outcome !== 'neither') state.errors.add(outcome === 'failed');
    // Where there is nothing to choose, nobody asks how fast it was.
    if (measured !== undefined && outcome === 'ok' && !this.#step.routing.plain) this.#measure(measured, now);
    leave(state, this.#step);
  }

  /** The provider answered 429. `shared`: its key is everybody's, so that the whole target is limited. */
  limited(retryAfterMs: number | undefined, shared: boolean): void {
    const { capacity } = this.#step;
    const now = this.#routing.now();
    const state = this.#state;
    if (shared) {
      const rest = Math.min(retryAfterMs ?? REST_MS, LONGEST_REST_MS);
      state.restUntil = Math.max(state.restUntil, now + rest);
      state.refused = false;
      if (capacity?.adaptive) state.concurrency.limited(state.inFlight, capacity.maxConcurrent, now);
    }
    this.end('neither');
  }

  /** The provider refused the key, which is everybody's: until somebody has seen to it, others are asked first. */
  refused(): void {
    const state = this.#state;
    state.restUntil = Math.max(state.restUntil, this.#routing.now() + REFUSED_REST_MS);
    state.refused = true;
    this.end('neither');
  }

  #measure({ firstTokenMs, totalMs, outputTokens, stream }: Measured, now: number): void {
    const state = this.#state;
    const { capacity } = this.#step;
    if (stream) {
      if (firstTokenMs > 0) state.firstToken.add(firstTokenMs, now);
    } else state.total.add(totalMs, now);
    if (outputTokens > 0 && totalMs > 0) state.speed.add((outputTokens * 1000) / totalMs, now);
    if (capacity?.adaptive) state.concurrency.succeeded(capacity.maxConcurrent);
  }
}

/**
 * Takes a place in a target, at once where there is one, else in its queue; `who` takes turns with the others there. Throws
 * or rejects with GatewayError `rate_limited` where no place can be had in time, `unavailable` where the breaker has opened.
 */
export function enter(routing: RoutingState, step: Step, who: string, signal: EndSignal): Passage | Promise<Passage> {
  const state = routing.of(step.target);
  const { capacity } = step;
  if (capacity !== undefined && state.inFlight >= state.concurrency.limit(capacity.maxConcurrent)) {
    return waitFor(routing, state, step, capacity.queue, who, signal);
  }
  state.inFlight++;
  return begin(routing, state, step, 0);
}

async function waitFor(
  routing: RoutingState,
  state: TargetState,
  step: Step,
  queue: { readonly size: number; readonly waitMs: number },
  who: string,
  signal: EndSignal,
): Promise<Passage> {
  const since = routing.now();
  // Who leaves gives the place on before this one goes on: it is counted already.
  await state.queue.wait(who, queue, signal);
  return begin(routing, state, step, routing.now() - since);
}

function begin(routing: RoutingState, state: TargetState, step: Step, waitedMs: number): Passage {
  const { breaker, breakerDeclared, targets } = step.routing;
  const kind = state.breaker.begin(routing.now(), breaker);
  if (kind === undefined && (breakerDeclared || targets.length > 1)) {
    leave(state, step);
    throw new GatewayError('unavailable', 'No provider serves this model right now.', {
      details: { breaker: 'open' },
      retryAfterMs: Math.max(1_000, state.breaker.waitMs(routing.now())),
    });
  }
  return new Passage(routing, state, step, kind ?? 'call', waitedMs);
}

/** Gives a place up, and those that are free then to who waits. */
function leave(state: TargetState, { capacity }: Step): void {
  state.inFlight--;
  if (capacity === undefined) return;
  while (state.inFlight < state.concurrency.limit(capacity.maxConcurrent) && state.queue.next()) state.inFlight++;
}
