const HOUR_MS = 3_600_000;

/** What copies to one target may cost in an hour, and how many are under way. */
export class ShadowBudget {
  #since = Number.NEGATIVE_INFINITY;
  #spent = 0;
  #underWay = 0;

  /** Takes a place and sets an amount aside, nano-USD; false: there is no room for either. */
  take(amount: number, bounds: { readonly nanoUsd: number; readonly maxConcurrent: number }, now: number): boolean {
    if (now - this.#since >= HOUR_MS) {
      this.#since = now;
      this.#spent = 0;
    }
    if (this.#underWay >= bounds.maxConcurrent || this.#spent + amount > bounds.nanoUsd) return false;
    this.#spent += amount;
    this.#underWay++;
    return true;
  }

  /** The copy is over and has cost so much instead of what was set aside. */
  settle(setAside: number, cost: number): void {
    this.#underWay--;
    this.#spent += cost - setAside;
  }
}
