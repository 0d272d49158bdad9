/** Share that is left of the calls at once after a 429. */
const BACK_OFF = 0.7;
/** 429s that come within this time are of one crowd, and are answered by one step back. */
const ONE_STEP_MS = 250;

/**
 * How many calls a target gets at once: what is declared, less after each 429 (multiplicative decrease), slowly more again
 * with each success (additive increase).
 */
export class Concurrency {
  #limit = Number.POSITIVE_INFINITY;
  #steppedAt = Number.NEGATIVE_INFINITY;

  /** The limit at present, at least 1. */
  limit(most: number): number {
    return Math.max(1, Math.min(most, Math.floor(this.#limit)));
  }

  /** A call succeeded: one more place after about as many successes as there are places. */
  succeeded(most: number): void {
    if (this.#limit === Number.POSITIVE_INFINITY) return;
    this.#limit += 1 / Math.max(1, this.#limit);
    if (this.#limit >= most) this.#limit = Number.POSITIVE_INFINITY;
  }

  /** The target answered 429 while so many calls were under way. */
  limited(inFlight: number, most: number, now: number): void {
    if (now - this.#steppedAt < ONE_STEP_MS) return;
    this.#steppedAt = now;
    this.#limit = Math.max(1, Math.min(this.#limit, most, Math.max(1, inFlight)) * BACK_OFF);
  }
}
