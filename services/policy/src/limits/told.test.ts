import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { type LimitSubject, limitShares } from '@sallyport/peers/limits';
import { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { policyMetrics } from '../metrics.ts';
import { principalOfTest, snapshotOf } from '../testing.ts';
import { limitService } from './service.ts';
import { memoryLimitStore } from './store-memory.ts';

const BOUND = 100_000;
const LEASE_MS = 1_000;
const log = createLogger({ service: 'test', level: 'error' });
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** One replica that spends of a Limit on tokens, in leases that live shorter than what is done with them. */
async function replica() {
  const spec = { per: 'Key', tokens: BOUND, window: '24h' };
  const snapshot = await snapshotOf([{ kind: 'Limit', name: 'l', spec }]);
  const service = limitService({
    snapshot: () => snapshot,
    store: memoryLimitStore(),
    stepsTaken: async () => 0,
    leaseTtlMs: LEASE_MS,
    concurrencyTtlMs: 60_000,
    trajectoryTtlMs: 3_600_000,
    metrics: policyMetrics(createMetrics('policy', { defaults: false })),
    log,
  });
  let leases = 0;
  const served = await inProcess(LimitService, {
    ...service,
    lease(request, context) {
      leases++;
      return service.lease(request, context);
    },
  });
  const follows = { onChange: () => () => true, revision: () => snapshot.limitRevision };
  const limits = limitShares({ client: served.client, snapshot: follows, log, replica: 'r' });
  closing.push(async () => {
    await limits.stop();
    await served.close();
  });
  limits.start();
  const subject: LimitSubject = {
    principal: principalOfTest(),
    model: 'gpt',
    trajectory: '',
    customer: '',
    newTrajectory: false,
  };
  return { reserve: async (tokens: number) => await limits.reserve(subject, { tokens }), leases: () => leases };
}

describe('what a client is told to have left', () => {
  it('[limits:told-exact] falls by what one replica used, and by nothing else, from one lease to the next', async () => {
    const { reserve, leases } = await replica();
    const told: number[] = [];
    const due: number[] = [];
    let used = 0;
    let open = await reserve(20);
    for (let call = 0; call < 400; call++) {
      // A long call is over every while: it outlives the lease that it was set aside of, and is settled for less.
      if (call % 70 === 69) {
        open.settle({ tokens: 7 });
        used += 7;
        open = await reserve(20);
      }
      // Several find at once that a lease is over.
      const calls = await Promise.all([reserve(5), reserve(5), reserve(5)]);
      for (const one of calls) one.settle({ tokens: 2 });
      used += 6;
      told.push(calls[0]?.allowance('tokens', Date.now())?.remaining ?? -1);
      due.push(BOUND - used - 20);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(leases()).toBeGreaterThan(4);
    expect(leases()).toBeLessThan(60);
    expect(told).toEqual(due);
  });
});
