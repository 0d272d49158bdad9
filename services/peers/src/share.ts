import { GatewayError } from '@sallyport/chassis/errors';
import type { Share } from '@sallyport/proto/policy/v1/policy_pb';

/** What a limit counts. */
export type Dimension = 'requests' | 'tokens' | 'nano_usd' | 'steps' | 'concurrency';

/** A leased share of a limit, spent in this process. */
export interface HeldShare {
  readonly leaseId: string;
  readonly tenant: string;
  readonly limit: string;
  readonly dimension: Dimension;
  granted: number;
  spent: number;
  reserved: number;
  expiresAtMs: number;
  resetsAtMs: number;
  limitValue: number;
  failurePolicy: string;
  /** True while spending is not reported yet. */
  dirty: boolean;
  /** Takes over what policy said anew of the same lease. */
  update(share: Share): void;
}

/** Starts to hold a share. */
export function holdShare(share: Share, tenant: string): HeldShare {
  const held: HeldShare = {
    leaseId: share.leaseId,
    tenant,
    limit: share.limit,
    dimension: share.dimension as Dimension,
    granted: share.granted,
    spent: 0,
    reserved: 0,
    expiresAtMs: share.expiresAtMs,
    resetsAtMs: share.resetsAtMs,
    limitValue: share.limitValue,
    failurePolicy: share.failurePolicy,
    dirty: false,
    update(next) {
      held.granted = next.granted;
      held.expiresAtMs = next.expiresAtMs;
      held.resetsAtMs = next.resetsAtMs;
      held.limitValue = next.limitValue;
      held.failurePolicy = next.failurePolicy;
    },
  };
  return held;
}

/** How much can still be set aside of a share; nothing once its lease is over. */
export function leftIn(share: HeldShare, nowMs: number): number {
  return nowMs >= share.expiresAtMs ? 0 : share.granted - share.spent - share.reserved;
}

/** The refusal for a limit that has not enough left: names the limit, what it counts and when it resets. */
export function refusalOf(share: HeldShare, nowMs: number): GatewayError {
  const details = {
    limit: share.limit,
    dimension: share.dimension,
    value: share.limitValue,
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
