import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Counter,
  committed,
  grant,
  LATE_SETTLE_MS,
  NEW_RUN_SHARE,
  newCounter,
  release,
  SHARE,
  settle,
} from './lease.ts';

const TTL = 1000;

describe('leases', () => {
  const ask = (needed: number, leaseId = 'a', bound = 100, nowMs = 0, fraction = SHARE) => ({
    leaseId,
    bound,
    needed,
    fraction,
    nowMs,
    expiresAtMs: nowMs + TTL,
  });

  it.each([
    [1, SHARE, 10],
    [30, SHARE, 30],
    [100, SHARE, 100],
    [1, NEW_RUN_SHARE, 50],
  ])('of 100, a lease that needs %d at a fraction of %d gets %d', (needed, fraction, granted) => {
    expect(grant(newCounter(), ask(needed, 'a', 100, 0, fraction))).toMatchObject({ granted, exhausted: false });
  });

  it('grants nothing where less is left than is needed', () => {
    expect(grant(newCounter(99), ask(2))).toMatchObject({ granted: 0, remaining: 1, exhausted: true });
    expect(grant(newCounter(100), ask(0))).toMatchObject({ granted: 0, exhausted: true });
  });

  it('gives the unspent part of a lease back when it is settled', () => {
    const { counter } = grant(newCounter(), ask(50));
    expect(committed(settle(counter, { leaseId: 'a', amount: 20, final: true }, 1, TTL), 1)).toBe(20);
    expect(committed(release(counter, 'a'), 1)).toBe(0);
  });

  it('[policy:lease-expiry] gives it back when the lease expires, and takes a late settlement', () => {
    const { counter } = grant(newCounter(), ask(50));
    const reported = settle(counter, { leaseId: 'a', amount: 20, final: false }, 1, 500);
    expect(committed(reported, TTL - 1)).toBe(50);
    expect(committed(reported, TTL)).toBe(20);
    const late = settle(reported, { leaseId: 'a', amount: 45, final: true }, TTL + 1, 2 * TTL);
    expect(committed(late, TTL + 1)).toBe(45);
  });

  it('a report renews a living lease and revives no dead one', () => {
    const { counter } = grant(newCounter(), ask(50));
    const renewed = settle(counter, { leaseId: 'a', amount: 1, final: false }, TTL - 1, 2 * TTL - 1);
    expect(committed(renewed, TTL + 1)).toBe(50);
    const dead = settle(counter, { leaseId: 'a', amount: 1, final: false }, TTL, 2 * TTL);
    expect(committed(dead, TTL + 1)).toBe(1);
  });

  it('the same settlement twice counts once', () => {
    const { counter } = grant(newCounter(), ask(50));
    const final = { leaseId: 'a', amount: 20, final: true };
    expect(committed(settle(settle(counter, final, 1, TTL), final, 1, TTL), 1)).toBe(20);
  });

  const event = fc.oneof(
    fc.record({ kind: fc.constant('grant' as const), needed: fc.integer({ min: 1, max: 60 }) }),
    fc.record({
      kind: fc.constant('settle' as const),
      lease: fc.nat(30),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      over: fc.nat(15),
      final: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: LATE_SETTLE_MS }) }),
  );

  it('[policy:lease-bound] what is spent exceeds a limit at most by what single leases overspent or spent after expiry', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.array(event, { maxLength: 60 }), (bound, events) => {
        let counter: Counter = newCounter();
        let now = 0;
        let excess = 0;
        const leases: { id: string; granted: number; expires: number; spent: number; open: boolean }[] = [];
        for (const one of events) {
          if (one.kind === 'wait') now += one.ms;
          else if (one.kind === 'grant') {
            const before = Math.max(0, bound - committed(counter, now));
            const id = `l${leases.length}`;
            const answer = grant(counter, { ...ask(one.needed, id, bound, now) });
            counter = answer.counter;
            expect(answer.granted).toBeLessThanOrEqual(before);
            expect(answer.granted === 0).toBe(answer.exhausted);
            if (!answer.exhausted) {
              expect(answer.granted).toBeLessThanOrEqual(Math.max(one.needed, before * SHARE));
              leases.push({ id, granted: answer.granted, expires: now + TTL, spent: 0, open: true });
            }
          } else {
            const lease = leases[one.lease];
            if (lease === undefined || !lease.open) continue;
            const amount = Math.max(lease.spent, Math.floor(lease.granted * one.part) + one.over);
            // A replica keeps to its grant before expiry and stops after it; the rest is excess, which is stated.
            const allowed = lease.expires > now ? lease.granted : lease.spent;
            excess += Math.max(0, amount - Math.max(allowed, lease.spent));
            counter = settle(counter, { leaseId: lease.id, amount, final: one.final }, now, now + TTL);
            lease.spent = amount;
            if (lease.expires > now) lease.expires = Math.max(lease.expires, now + TTL);
            if (one.final) lease.open = false;
          }
          expect(committed(counter, now)).toBeLessThanOrEqual(bound + excess + 1e-6);
        }
      }),
      { numRuns: 500 },
    );
  });
});
