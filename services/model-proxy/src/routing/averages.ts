/** Weight of a new value against what is known. */
const ALPHA = 0.3;
/** Weight of a call in the share of failures. */
const ERROR_ALPHA = 0.1;
/** What was measured so long ago says nothing any more: the target is explored anew. */
const STALE_MS = 60_000;

/**
 * A moving average that rises at once and falls slowly (peak EWMA), so that a target that has become slow is left at once.
 * Undefined where nothing was measured of late.
 */
export class PeakAverage {
  #value = 0;
  #at = Number.NEGATIVE_INFINITY;

  add(value: number, now: number): void {
    this.#value =
      now - this.#at > STALE_MS || value > this.#value ? value : this.#value + ALPHA * (value - this.#value);
    this.#at = now;
  }

  value(now: number): number | undefined {
    return now - this.#at > STALE_MS ? undefined : this.#value;
  }
}

/** A moving average of a rate, which rises and falls alike. Undefined where nothing was measured of late. */
export class Average {
  #value = 0;
  #at = Number.NEGATIVE_INFINITY;

  add(value: number, now: number): void {
    this.#value = now - this.#at > STALE_MS ? value : this.#value + ALPHA * (value - this.#value);
    this.#at = now;
  }

  value(now: number): number | undefined {
    return now - this.#at > STALE_MS ? undefined : this.#value;
  }
}

/** Share of calls that failed, 0 to 1, the latest counting most. */
export class ErrorShare {
  #share = 0;

  add(failed: boolean): void {
    if (failed || this.#share > 0) this.#share += ERROR_ALPHA * ((failed ? 1 : 0) - this.#share);
  }

  value(): number {
    return this.#share < 0.001 ? 0 : this.#share;
  }
}
