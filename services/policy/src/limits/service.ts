import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { LeaseRequest, LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import type { PolicyMetrics } from '../metrics.ts';
import { principalOf } from '../principal.ts';
import type { Snapshot } from '../snapshot/tenant.ts';
import { LATE_SETTLE_MS, NEW_RUN_SHARE, SHARE } from './lease.ts';
import { type Counted, countersOf, DIMENSIONS, type Dimension, limitsOf, type Spender } from './match.ts';
import type { CounterAsk, CounterGrant, LimitStore } from './store.ts';
import { type Window, windowOf } from './window.ts';

/** What the limit service is made of. */
export interface LimitOptions {
  readonly snapshot: () => Snapshot | undefined;
  readonly store: LimitStore;
  /** Steps that a run is known to have taken, for counters that the store lost. */
  readonly stepsTaken: (tenant: string, trajectory: string) => Promise<number>;
  readonly leaseTtlMs: number;
  /** What is held for the time of a call, and not reported meanwhile, has to outlast it. */
  readonly concurrencyTtlMs: number;
  readonly trajectoryTtlMs: number;
  readonly metrics: PolicyMetrics;
  readonly log: Logger;
  readonly now?: () => number;
}

type Counting = Counted & Window;

// What was granted while nothing could be counted is asked for again soon.
const OPEN_MS = 1000;
const NO_COUNTER = 'open';
const NOT_KNOWN = -1;
/** Marks leases of concurrency, which are renewed for as long as they were granted for. */
const HELD = 'held-';

/** Hands out shares of limits by lease and takes back what was not spent. */
export function limitService(options: LimitOptions): ServiceImpl<typeof LimitService> {
  const { store, metrics, log, now = Date.now } = options;

  const stepsOf = async (one: Counting, spender: Spender, isNew: boolean, unknown: ReadonlySet<string>) => {
    const counts = one.limit.per === 'Trajectory' && one.dimension === 'steps';
    // The steps of a run are known together: of those that a Limit on tools counts nobody knows how many they were.
    if (!counts || one.limit.match.tools.length > 0 || isNew || !unknown.has(one.counter)) return 0;
    return options.stepsTaken(spender.principal.tenant, spender.trajectory);
  };

  const asksOf = async (counting: readonly Counting[], spender: Spender, request: LeaseRequest, nowMs: number) => {
    const { tenant } = spender.principal;
    const ofRuns = counting.filter((one) => one.limit.per === 'Trajectory' && one.dimension === 'steps');
    const lost =
      request.newTrajectory || ofRuns.length === 0
        ? []
        : await store.unknown(
            tenant,
            ofRuns.map((one) => one.counter),
          );
    const unknown = new Set(lost);
    return Promise.all(
      counting.map(async (one): Promise<CounterAsk> => {
        const { counter, bound, endsAtMs, limit, dimension } = one;
        const perRun = limit.per === 'Trajectory';
        const leaseMs = dimension === 'concurrency' ? options.concurrencyTtlMs : options.leaseTtlMs;
        return {
          counter,
          leaseId: `${dimension === 'concurrency' ? HELD : ''}${uuidv7()}.${counter}`,
          bound,
          needed: request.needed[dimension] ?? 0,
          fraction: perRun && request.newTrajectory ? NEW_RUN_SHARE : SHARE,
          leaseMs: endsAtMs === 0 ? leaseMs : Math.min(leaseMs, endsAtMs - nowMs),
          keepMs: LATE_SETTLE_MS + (perRun ? options.trajectoryTtlMs : Math.max(leaseMs, endsAtMs - nowMs)),
          initial: await stepsOf(one, spender, request.newTrajectory, unknown),
        };
      }),
    );
  };

  // Nothing can be counted: what fails closed stops the request, the rest is let through for a moment.
  const withoutStore = (counting: readonly Counting[], request: LeaseRequest): CounterGrant[] => {
    if (counting.some((one) => one.limit.failurePolicy === 'Closed')) {
      metrics.leased('failed_closed');
      throw new GatewayError('unavailable', 'A limit cannot be counted at present.', { retryAfterMs: OPEN_MS });
    }
    metrics.leased('failed_open');
    return counting.map((one) => ({
      leaseId: `${uuidv7()}.${NO_COUNTER}`,
      granted: request.needed[one.dimension] ?? 0,
      remaining: NOT_KNOWN,
      exhausted: false,
    }));
  };

  const ttlOf = (leaseId: string) => (leaseId.startsWith(HELD) ? options.concurrencyTtlMs : options.leaseTtlMs);

  return {
    async lease(request) {
      const spender = spenderOf(request);
      const { tenant } = spender.principal;
      const snapshot = options.snapshot();
      if (snapshot === undefined) throw new GatewayError('unavailable', 'No limits are known yet.');
      const { limitRevision } = snapshot;
      const all = snapshot.tenants.get(tenant)?.limits ?? [];
      const byTool = all.some(({ match }) => match.tools.length > 0);
      const limits = limitsOf(all, spender);
      if (limits.length === 0) {
        metrics.leased('unlimited');
        return { shares: [], unlimited: true, limitRevision, byTool };
      }
      const unusable = limits.find((one) => one.unusable);
      if (unusable !== undefined) {
        metrics.leased('failed_closed');
        // Nobody knows what it allows, and there was never a revision of which that was known (DESIGN §6).
        const reason = `The Limit ${unusable.name} is not accepted as it is written; until it is mended, what it selects is refused.`;
        throw new GatewayError('unavailable', reason, { details: { limit: unusable.name } });
      }
      const nowMs = now();
      const counting = countersOf(limits, spender, neededOf(request)).map(
        (one): Counting => ({ ...one, ...windowOf(one, nowMs) }),
      );
      if (counting.length === 0) return { shares: [], unlimited: false, limitRevision, byTool };

      let leaseMs = counting.map(() => OPEN_MS);
      let grants: readonly CounterGrant[];
      try {
        const asks = await asksOf(counting, spender, request, nowMs);
        grants = await store.grant(tenant, request.requestId, asks);
        leaseMs = asks.map((ask) => ask.leaseMs);
        metrics.leased(grants.some((one) => one.exhausted) ? 'exhausted' : 'granted');
      } catch (error) {
        log.warn('limits cannot be counted', { error: String(error) });
        grants = withoutStore(counting, request);
      }
      const shares = counting.flatMap((one, index) => {
        const granted = grants[index];
        if (granted === undefined) return [];
        return [
          {
            leaseId: granted.leaseId,
            limit: `${one.limit.name}/${one.dimension}`,
            dimension: one.dimension,
            subject: one.subject,
            granted: granted.granted,
            remaining: granted.remaining,
            limitValue: one.bound,
            expiresAtMs: nowMs + (leaseMs[index] ?? 0),
            resetsAtMs: one.endsAtMs,
            exhausted: granted.exhausted,
            failurePolicy: one.limit.failurePolicy,
          },
        ];
      });
      // What is exhausted first: it is what the caller names as the reason.
      shares.sort((a, b) => Number(b.exhausted) - Number(a.exhausted));
      return { shares, unlimited: false, limitRevision, byTool };
    },

    async settle(request) {
      const spent = request.spent.flatMap(({ leaseId, tenant, amount, final }) => {
        const counter = leaseId.slice(leaseId.indexOf('.') + 1);
        if (tenant === '' || counter === NO_COUNTER) return [];
        if (!(amount >= 0) || !Number.isFinite(amount)) {
          throw new GatewayError('invalid_request', 'A settlement has no amount.');
        }
        return [{ tenant, counter, leaseId, amount, final, leaseMs: ttlOf(leaseId) }];
      });
      return { unknownLeaseIds: [...(await store.settle(spent))] };
    },
  };
}

function spenderOf(request: LeaseRequest): Spender {
  const { subject } = request;
  if (subject === undefined || request.requestId === '') {
    throw new GatewayError('invalid_request', 'The request names no subject or has no id.');
  }
  const { model, trajectory, customer, tool, toolLimitsOnly } = subject;
  return { principal: principalOf(subject), model, trajectory, customer, tool, toolLimitsOnly };
}

function neededOf(request: LeaseRequest): ReadonlySet<Dimension> {
  const needed = new Set<Dimension>();
  for (const [name, amount] of Object.entries(request.needed)) {
    const dimension = DIMENSIONS.find((one) => one === name);
    if (dimension === undefined || !(amount >= 0) || !Number.isFinite(amount)) {
      throw new GatewayError('invalid_request', `Nothing of the kind ${JSON.stringify(name)} can be leased.`);
    }
    needed.add(dimension);
  }
  return needed;
}
