import { type Timed, unwatch, watch } from '@sallyport/chassis/deadlines';
import { Ending, type EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
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

/** How long a provider is waited for, as its resource says. */
export interface Waits {
  readonly totalSeconds: number;
  readonly firstByteSeconds: number;
}

/** The deadlines of one call: what the provider's resource declares, or less, where the client asks for less. */
export class CallTime {
  readonly #scope: CallScope;
  readonly #waits: Waits;
  readonly #askedMs: number;
  readonly #began = performance.now();

  constructor(scope: CallScope, waits: Waits, askedMs: number) {
    this.#scope = scope;
    this.#waits = waits;
    this.#askedMs = askedMs;
    this.#limit(waits.totalSeconds * 1000, tooLong, askedMs);
  }

  /** From now on a stream is waited for until it begins to say something. */
  untilBegun(): void {
    const passed = performance.now() - this.#began;
    const { firstByteSeconds, totalSeconds } = this.#waits;
    this.#limit(Math.min(firstByteSeconds * 1000, totalSeconds * 1000 - passed), tooLate, this.#askedMs - passed);
  }

  /** The stream has begun: what the client asked for is met, and it has the rest of what is declared. */
  begun(): void {
    this.#scope.limit(this.#waits.totalSeconds * 1000 - (performance.now() - this.#began), tooLong);
  }

  #limit(declaredMs: number, error: () => GatewayError, askedMs: number): void {
    if (askedMs < declaredMs) this.#scope.limit(askedMs, beyondAsked);
    else this.#scope.limit(declaredMs, error);
  }
}

function tooLate(): GatewayError {
  return new GatewayError('upstream_timeout', 'The provider did not begin to answer in time.');
}

function tooLong(): GatewayError {
  return new GatewayError('upstream_timeout', 'The provider did not finish in time.');
}

function beyondAsked(): GatewayError {
  return new GatewayError('upstream_timeout', 'The provider did not answer in the time that the request gives it.', {
    details: { timeout: 'asked' },
  });
}
