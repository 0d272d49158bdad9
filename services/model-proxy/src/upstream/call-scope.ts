import { type Timed, unwatch, watch } from '@sallyport/chassis/deadlines';
import { Ending, type EndSignal } from '@sallyport/chassis/ending';
import type { GatewayError } from '@sallyport/chassis/errors';
import { ABSENT } from '@sallyport/chassis/roster';

/** How long one call of a provider may go on. */
export interface CallScope {
  /** Ends with the turn, when the time is over, or by `abort`. */
  readonly signal: EndSignal;
  abort(error: GatewayError): void;
  /** Aborts when no one has closed the scope by then; replaces the time set before. */
  limit(ms: number, error: () => GatewayError): void;
  /** Lets go of the turn and of the time. */
  close(): void;
}

/** Binds a call to its turn. What it took of the turn, and its deadline, are let go when the call is over. */
export function callScope(turn: EndSignal): CallScope {
  return new Scope(turn);
}

class Scope implements CallScope, Timed {
  place = ABSENT;
  dueAt = Number.POSITIVE_INFINITY;
  readonly signal = new Ending();
  readonly #turn: EndSignal;
  #tooLate: (() => GatewayError) | undefined;

  constructor(turn: EndSignal) {
    this.#turn = turn;
    if (turn.aborted) this.signal.abort(turn.reason);
    else turn.addEventListener('abort', this);
  }

  /** The turn has ended. */
  handleEvent(): void {
    this.signal.abort(this.#turn.reason);
  }

  late(): void {
    this.signal.abort(this.#tooLate?.());
  }

  abort(error: GatewayError): void {
    this.signal.abort(error);
  }

  limit(ms: number, error: () => GatewayError): void {
    this.dueAt = performance.now() + ms;
    this.#tooLate = error;
    if (this.place === ABSENT) watch(this);
  }

  close(): void {
    unwatch(this);
    this.#turn.removeEventListener('abort', this);
  }
}
