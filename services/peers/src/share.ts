import { GatewayError } from '@sallyport/chassis/errors';
import type { Share } from '@sallyport/proto/policy/v1/limit_pb';

/** What a limit counts. */
export type Dimension = 'requests' | 'tokens' | 'nano_usd' | 'steps' | 'concurrency';

/** Amounts by dimension; nano_usd in 1e-9 USD. */
export type Amounts = Partial<Record<Dimension, number>>;

/** A leased share of a limit, spent in this process. */
export interface HeldShare {
  /** Tenant, limit and subject: the counter that the share is of. */
  readonly id: string;
  readonly leaseId: string;
  readonly tenant: string;
  readonly limit: string;
  readonly dimension: Dimension;
  readonly granted: number;
  readonly expiresAtMs: number;
  readonly failurePolicy: string;
  /** How long a lease lives, milliseconds. */
  readonly ttlMs: number;
  /** What the limit allows in its window. */
  readonly limitValue: number;
  /** Epoch milliseconds at which the window ends; 0 where there is none. */
  readonly resetsAtMs: number;
  /** Left beside this share for all replicas, as of the lease; below zero: not known. */
  elsewhere: number;
  /** Earlier shares of the same counter that are not settled, and what policy took for used of each as of the lease. */
  readonly behind: Map<HeldShare, number>;
  /** Epoch milliseconds until which policy keeps what is left of it for this process; reports renew that. 0: it knows nothing of it. */
  heldUntilMs: number;
  /** What policy was told last to be spent of it. */
  reported: number;
  /** The share of the same counter that is spent from in the place of this one. */
  next: HeldShare | undefined;
  spent: number;
  reserved: number;
  /** True while spending is not reported yet. */
  dirty: boolean;
  /** True once nothing more may be set aside of it; it ends with its last reservation. */
  closing: boolean;
  /** Epoch milliseconds at which a lease with open reservations must be renewed. */
  renewAtMs: number;
}

/** What was set aside; settle it exactly once with what was really spent. */
export interface Reservation {
  readonly touched: readonly { readonly limit: string; readonly dimension: Dimension }[];
  /** What was set aside: the best guess of what was spent where nobody says. */
  readonly amounts: Amounts;
  settle(spent: Amounts): void;
  /** What is left in the tightest limit on a dimension that applied; undefined: none did, or it is not known. */
  allowance(dimension: Dimension, nowMs: number): Allowance | undefined;
}

/**
 * What a limit allows and what is left of it: as policy said when the share was leased, less what this process has spent and set
 * aside since. What others took in that time is not in it, which the life of a lease bounds (30 s by default).
 */
export interface Allowance {
  readonly limit: number;
  readonly remaining: number;
  /** Epoch milliseconds; 0: what is counted has no window. */
  readonly resetsAtMs: number;
}

/** The counter that a share is of, unique in this process. */
export function shareId(share: Pick<Share, 'limit' | 'subject'>, tenant: string): string {
  return `${tenant}\n${share.limit}\n${share.subject}`;
}

/** Starts to hold a share. */
export function holdShare(share: Share, tenant: string, nowMs: number): HeldShare {
  const ttlMs = Math.max(0, share.expiresAtMs - nowMs);
  return {
    id: shareId(share, tenant),
    leaseId: share.leaseId,
    tenant,
    limit: share.limit,
    dimension: share.dimension as Dimension,
    granted: share.granted,
    expiresAtMs: share.expiresAtMs,
    failurePolicy: share.failurePolicy,
    ttlMs,
    limitValue: share.limitValue,
    resetsAtMs: share.resetsAtMs,
    elsewhere: share.remaining,
    behind: new Map(),
    // What is granted while nothing can be counted is kept nowhere.
    heldUntilMs: share.remaining < 0 ? 0 : share.expiresAtMs,
    reported: 0,
    next: undefined,
    spent: 0,
    reserved: 0,
    dirty: false,
    closing: false,
    renewAtMs: nowMs + ttlMs / 2,
  };
}

/** How much can still be set aside of a share: nothing once its lease is over, less than nothing once it is closing. */
export function leftIn(share: HeldShare, nowMs: number): number {
  if (share.closing) return -1;
  return nowMs >= share.expiresAtMs ? 0 : share.granted - share.spent - share.reserved;
}

/** Tells whether a share has less left than is needed of it. */
export function isShort(share: HeldShare, needed: Amounts, nowMs: number): boolean {
  return leftIn(share, nowMs) < (needed[share.dimension] ?? 0);
}

/**
 * Spends from another share of the same counter from now on, which policy was asked for at this time. Those before go back
 * there: it took them for used whole while it kept them, and then for what was reported.
 */
export function replaceShare(before: HeldShare, share: HeldShare, askedAtMs: number): void {
  for (const one of [...before.behind.keys(), before]) {
    // Another window is another counter.
    if (one.heldUntilMs === 0 || one.resetsAtMs !== share.resetsAtMs) continue;
    share.behind.set(one, askedAtMs < one.heldUntilMs ? Math.max(one.granted, one.reported) : one.reported);
  }
  before.behind.clear();
  before.closing = true;
  before.next = share;
}

/** Policy took a report that is not final: it keeps a lease that lives for as long again. */
export function renewShare(share: HeldShare, reported: number, nowMs: number): void {
  share.reported = reported;
  share.renewAtMs = nowMs + share.ttlMs / 2;
  if (nowMs >= share.heldUntilMs) return;
  const windowEndsMs = share.resetsAtMs > 0 ? share.resetsAtMs : Number.POSITIVE_INFINITY;
  share.heldUntilMs = Math.max(share.heldUntilMs, Math.min(nowMs + share.ttlMs, windowEndsMs));
}

/** Policy keeps an earlier share no more: what is left in it went back, or is lost with the counter. */
export function endBehind(share: HeldShare | undefined, earlier: HeldShare, isLost: boolean): void {
  const counted = share?.behind.get(earlier);
  if (share === undefined || counted === undefined) return;
  share.behind.delete(earlier);
  if (!isLost && share.elsewhere >= 0) share.elsewhere += counted - earlier.spent;
}

/** Sets amounts aside in all shares, whatever is left in them. */
export function setAside(held: readonly HeldShare[], needed: Amounts): Reservation {
  for (const share of held) share.reserved += needed[share.dimension] ?? 0;
  return new SetAside(held, needed);
}

class SetAside implements Reservation {
  readonly touched: Reservation['touched'];
  readonly amounts: Amounts;
  readonly #held: readonly HeldShare[];
  #settled = false;

  constructor(held: readonly HeldShare[], needed: Amounts) {
    this.#held = held;
    this.amounts = needed;
    const touched: { limit: string; dimension: Dimension }[] = [];
    for (const { limit, dimension } of held) if ((needed[dimension] ?? 0) > 0) touched.push({ limit, dimension });
    this.touched = touched;
  }

  settle(spent: Amounts): void {
    if (this.#settled) return;
    this.#settled = true;
    for (const share of this.#held) {
      share.reserved -= this.amounts[share.dimension] ?? 0;
      // Concurrency is given back whole when the work is over.
      const used = share.dimension === 'concurrency' ? 0 : (spent[share.dimension] ?? 0);
      if (used > 0) {
        share.spent += used;
        share.dirty = true;
      }
    }
  }

  allowance(dimension: Dimension, nowMs: number): Allowance | undefined {
    let tightest: Allowance | undefined;
    for (let share of this.#held) {
      if (share.dimension !== dimension) continue;
      // A long call: its limit was leased anew meanwhile.
      while (share.next !== undefined) share = share.next;
      const { elsewhere, granted, spent, reserved, limitValue, resetsAtMs } = share;
      if (elsewhere < 0 || (resetsAtMs > 0 && resetsAtMs <= nowMs)) continue;
      let left = elsewhere + granted - spent - reserved;
      for (const [earlier, counted] of share.behind) left += counted - earlier.spent - earlier.reserved;
      const remaining = Math.max(0, Math.floor(left));
      if (tightest === undefined || remaining < tightest.remaining)
        tightest = { limit: limitValue, remaining, resetsAtMs };
    }
    return tightest;
  }
}

/** The refusal for a limit that has not enough left: names the limit, what it counts and when it resets. */
export function refusalOf(
  share: Pick<Share, 'limit' | 'dimension' | 'limitValue' | 'resetsAtMs' | 'remaining'>,
  nowMs: number,
): GatewayError {
  const details = {
    limit: share.limit,
    dimension: share.dimension,
    value: share.limitValue,
    remaining: share.remaining,
    ...(share.resetsAtMs > 0 ? { resetsAt: new Date(share.resetsAtMs).toISOString() } : {}),
  };
  const retry = share.resetsAtMs > nowMs ? { retryAfterMs: share.resetsAtMs - nowMs } : {};
  switch (share.dimension) {
    case 'nano_usd':
      return new GatewayError('budget_exceeded', `The budget of limit ${share.limit} is spent.`, { details, ...retry });
    case 'steps':
      return new GatewayError('step_limit', `The run has used the ${share.limitValue} steps of limit ${share.limit}.`, {
        details,
      });
    case 'concurrency':
      return new GatewayError('rate_limited', `Too many requests at once for limit ${share.limit}.`, {
        details,
        retryAfterMs: 1_000,
      });
    default:
      return new GatewayError('rate_limited', `The ${share.dimension} of limit ${share.limit} are used up.`, {
        details,
        ...retry,
      });
  }
}
