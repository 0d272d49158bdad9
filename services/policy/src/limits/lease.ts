/** A share that was handed out and is not finally settled. */
export interface Lease {
  /** Most that may be spent of it. */
  readonly granted: number;
  /** Spent so far, as last reported. */
  readonly spent: number;
  /** Epoch milliseconds; from then on the unspent part belongs to the counter again. */
  readonly expiresAtMs: number;
}

/**
 * A counter and the shares outstanding of it. `used` is what was spent of settled and expired leases. What may still
 * be granted is the bound less `used` and, for each living lease, the greater of its grant and what it spent.
 */
export interface Counter {
  readonly used: number;
  readonly leases: ReadonlyMap<string, Lease>;
}

/** What is asked of a counter. */
export interface Ask {
  readonly leaseId: string;
  readonly bound: number;
  readonly needed: number;
  /** Part of what is left that is granted beyond need: SHARE or NEW_RUN_SHARE. */
  readonly fraction: number;
  readonly nowMs: number;
  readonly expiresAtMs: number;
}

/** What a counter answers. */
export interface Grant {
  readonly counter: Counter;
  readonly granted: number;
  readonly remaining: number;
  readonly exhausted: boolean;
}

/**
 * The part of what is left that one lease takes at most beyond what it needs. Together with the lease's time this is
 * what a replica that dies or is cut off can hold back, or, if it goes on spending after expiry, overshoot.
 */
export const SHARE = 1 / 10;

/**
 * The same for a run that the replica has just begun: nobody else has spent of it yet. Not all, since the run's next
 * request may reach another replica while this lease still lives.
 */
export const NEW_RUN_SHARE = 1 / 2;

/** How long an expired lease can still be settled: longer than the longest model call. */
export const LATE_SETTLE_MS = 15 * 60_000;

/** A counter of which nothing was spent yet, or what is known from elsewhere. */
export function newCounter(used = 0): Counter {
  return { used, leases: new Map() };
}

/**
 * Grants a share: what is needed, or a fraction of what is left if that is more. Grants of living leases and what was
 * used never exceed the bound together; only spending beyond a grant, reported afterwards, can.
 */
export function grant(counter: Counter, ask: Ask): Grant {
  const current = expire(counter, ask.nowMs);
  const left = Math.max(0, ask.bound - committed(current, ask.nowMs));
  if (ask.needed > left || left <= 0) return { counter: current, granted: 0, remaining: left, exhausted: true };
  const granted = Math.max(ask.needed, Math.floor(left * ask.fraction));
  const leases = new Map(current.leases).set(ask.leaseId, { granted, spent: 0, expiresAtMs: ask.expiresAtMs });
  return { counter: { ...current, leases }, granted, remaining: left - granted, exhausted: false };
}

/**
 * Records what was spent of a lease in total. Not final renews it. The same report again changes nothing, a lower one
 * neither; a lease that is not known (settled, or too late) is ignored.
 */
export function settle(
  counter: Counter,
  spent: { readonly leaseId: string; readonly amount: number; readonly final: boolean },
  nowMs: number,
  expiresAtMs: number,
): Counter {
  const lease = counter.leases.get(spent.leaseId);
  if (lease === undefined) return counter;
  const amount = Math.max(lease.spent, spent.amount);
  const leases = new Map(counter.leases);
  if (spent.final) {
    leases.delete(spent.leaseId);
    return { used: counter.used + amount, leases };
  }
  // An expired lease is not revived: its unspent part may have been granted to others.
  const until = lease.expiresAtMs <= nowMs ? lease.expiresAtMs : Math.max(lease.expiresAtMs, expiresAtMs);
  leases.set(spent.leaseId, { ...lease, spent: amount, expiresAtMs: until });
  return { used: counter.used, leases };
}

/** Takes a lease back as if it had never been granted, when another counter of the same request had nothing left. */
export function release(counter: Counter, leaseId: string): Counter {
  const leases = new Map(counter.leases);
  leases.delete(leaseId);
  return { ...counter, leases };
}

/** What is used and what living leases may still use. */
export function committed(counter: Counter, nowMs: number): number {
  let sum = counter.used;
  for (const { granted, spent, expiresAtMs } of counter.leases.values()) {
    sum += expiresAtMs > nowMs ? Math.max(granted, spent) : spent;
  }
  return sum;
}

// Leases that can no longer be settled count for what they reported.
function expire(counter: Counter, nowMs: number): Counter {
  let { used } = counter;
  let leases: Map<string, Lease> | undefined;
  for (const [id, lease] of counter.leases) {
    if (lease.expiresAtMs + LATE_SETTLE_MS > nowMs) continue;
    leases ??= new Map(counter.leases);
    leases.delete(id);
    used += lease.spent;
  }
  return leases === undefined ? counter : { used, leases };
}
