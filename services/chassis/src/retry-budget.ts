/** Retries that a target has at first, and that it can save up at most. */
const MOST = 10;

/**
 * How often a target may be tried once more: each call earns a part of a retry, so that retries are at most a share of the
 * calls and a target that is down is not called twice as often for it.
 */
export class RetryBudget {
  #left = MOST;

  /** A call was made; `percent` of a retry is earned. */
  earn(percent: number): void {
    if (this.#left < MOST) this.#left = Math.min(MOST, this.#left + percent / 100);
  }

  /** Takes a retry; false: there is none left. */
  take(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
