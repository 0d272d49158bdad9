/** When a failing target is left alone. Times in milliseconds. */
export interface BreakerOptions {
  readonly failurePercent: number;
  readonly minimumCalls: number;
  readonly windowMs: number;
  /** How long it stays open; doubles with each probe that fails, up to 12 times. */
  readonly openMs: number;
  /** Probes at once in half-open, and successes in a row that close it. */
  readonly probes: number;
}

/** What a breaker lets through. */
export type Passage = 'call' | 'probe';

/** What became of a call that a breaker let through; `neither` says nothing of the target: the client left. */
export type BreakerOutcome = 'ok' | 'failed' | 'neither';

/** Where a breaker stands. */
export type BreakerPhase = 'closed' | 'open' | 'half-open';

/** Parts of the window; the oldest is dropped as a whole. */
const SLICES = 5;
/** Probes that failed in a row after which the open time grows no more, so that it doubles at most so often. */
const MOST_DOUBLINGS = 4;
/** A probe that never came back stands in nobody's way for longer. */
const PROBE_LEASE_MS = 120_000;
/** The open time never grows beyond this multiple of what is declared. */
const LONGEST_OPEN = 12;

/**
 * A circuit breaker: closed, it counts calls from a failure on, in a sliding window, and opens at a share of failures; open,
 * it lets nothing through until its time is over; half-open, it lets as many probes through as are declared, closes after as
 * many successes in a row, and opens for twice as long at the first failure. No timers: the clock is given with each call.
 */
export class Breaker {
  #phase: BreakerPhase = 'closed';
  /** Calls and failures by slice of the window, from the first failure on: a sound target costs nothing. */
  #slices: { at: number; calls: number; failures: number }[] | undefined;
  #openUntil = 0;
  #trips = 0;
  /** Times at which the probes under way began. */
  #probing: number[] = [];
  #succeeded = 0;

  /** Where it stands at a time. */
  phase(now: number): BreakerPhase {
    return this.#phase === 'open' && now >= this.#openUntil ? 'half-open' : this.#phase;
  }

  /** What may go through now; undefined: nothing. Says so without counting it. */
  permits(now: number, options: BreakerOptions): Passage | undefined {
    switch (this.phase(now)) {
      case 'closed':
        return 'call';
      case 'open':
        return undefined;
      case 'half-open':
        return this.#probesUnderWay(now) < options.probes ? 'probe' : undefined;
    }
  }

  /** Takes a passage; undefined: there is none. What was taken ends with `end`. */
  begin(now: number, options: BreakerOptions): Passage | undefined {
    const passage = this.permits(now, options);
    if (passage === 'probe') {
      if (this.#phase === 'open') {
        this.#phase = 'half-open';
        this.#succeeded = 0;
      }
      this.#probing.push(now);
    }
    return passage;
  }

  /** Tells what became of a passage. */
  end(passage: Passage, outcome: BreakerOutcome, now: number, options: BreakerOptions): void {
    if (passage === 'probe') {
      this.#probing.shift();
      if (this.#phase === 'half-open') this.#probed(outcome, now, options);
      return;
    }
    // A call that began before it opened says nothing new.
    if (this.#phase !== 'closed' || outcome === 'neither') return;
    if (outcome === 'ok' && this.#slices === undefined) return;
    this.#count(outcome === 'failed', now, options);
  }

  /** Opens it for a time, since one elsewhere has opened for the same target; one that is not closed stays as it is. */
  openFor(ms: number, now: number): void {
    if (this.#phase !== 'closed') return;
    this.#openUntil = now + ms;
    this.#phase = 'open';
    this.#slices = undefined;
    this.#probing = [];
  }

  /** Milliseconds until something may go through again; 0: now, as far as time is concerned. */
  waitMs(now: number): number {
    return this.#phase === 'open' ? Math.max(0, this.#openUntil - now) : 0;
  }

  #probesUnderWay(now: number): number {
    while (this.#probing.length > 0 && now - (this.#probing[0] as number) > PROBE_LEASE_MS) this.#probing.shift();
    return this.#probing.length;
  }

  #probed(outcome: BreakerOutcome, now: number, options: BreakerOptions): void {
    if (outcome === 'failed') this.#open(now, options);
    else if (outcome === 'ok' && ++this.#succeeded >= options.probes) this.#close();
  }

  #count(failed: boolean, now: number, options: BreakerOptions): void {
    const { windowMs, minimumCalls, failurePercent } = options;
    const length = windowMs / SLICES;
    const slices = (this.#slices ?? []).filter(({ at }) => now - at < windowMs);
    let last = slices.at(-1);
    if (last === undefined || now - last.at >= length) {
      last = { at: now, calls: 0, failures: 0 };
      slices.push(last);
    }
    last.calls++;
    if (failed) last.failures++;
    let calls = 0;
    let failures = 0;
    for (const slice of slices) {
      calls += slice.calls;
      failures += slice.failures;
    }
    this.#slices = failures === 0 ? undefined : slices;
    if (failed && calls >= minimumCalls && failures * 100 >= calls * failurePercent) this.#open(now, options);
  }

  #open(now: number, { openMs }: BreakerOptions): void {
    const doubled = openMs * 2 ** Math.min(this.#trips, MOST_DOUBLINGS);
    this.#openUntil = now + Math.min(doubled, openMs * LONGEST_OPEN);
    this.#trips++;
    this.#phase = 'open';
    this.#slices = undefined;
    this.#probing = [];
  }

  #close(): void {
    this.#phase = 'closed';
    this.#trips = 0;
    this.#probing = [];
  }
}
