import { afterEach, describe, expect, it } from '@jest/globals';
import type { LimitSubject } from '@sallyport/peers/limits';
import { principalOfTest } from '../testing.ts';
import { replicas } from './testing-leases.ts';

const BOUND = 100_000;
const LEASE_MS = 1_000;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** One replica that spends of a Limit on tokens, in leases that live shorter than what is done with them. */
async function replica() {
  const spec = { per: 'Key', tokens: BOUND, window: '24h' };
  const { all, leases, stop } = await replicas({ l: spec }, { leaseTtlMs: LEASE_MS });
  closing.push(stop);
  const subject: LimitSubject = {
    principal: principalOfTest(),
    model: 'gpt',
    trajectory: '',
    customer: '',
    newTrajectory: false,
  };
  return {
    reserve: async (tokens: number) => await (all[0] as (typeof all)[number]).reserve(subject, { tokens }),
    leases,
  };
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
