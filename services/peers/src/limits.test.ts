import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { type LeaseRequest, LimitService, type SettleRequest } from '@sallyport/proto/policy/v1/limit_pb';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { type Amounts, type LimitSubject, limitShares } from './limits.ts';
import { quiet, until } from './testing.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Rule {
  name: string;
  dimension: string;
  bound: number;
  per?: 'key' | 'trajectory' | 'tenant';
  failurePolicy?: string;
}

const subject = (fields: Partial<LimitSubject> & { key?: string } = {}): LimitSubject => ({
  principal: create(PrincipalSchema, { tenant: 'default', id: `key:${fields.key ?? '1'}`, revision: '1' }),
  model: 'gpt',
  trajectory: 't1',
  customer: '',
  newTrajectory: false,
  ...fields,
});

/** A policy that counts: a lease gets a tenth of what is left or what is needed, and holds it until it is final. */
async function policy(rules: Rule[], options: { leaseMs?: number } = {}) {
  const state = {
    rules,
    away: false,
    unreadable: '',
    revision: 'r1',
    leases: [] as LeaseRequest[],
    settled: [] as SettleRequest[],
  };
  const counters = new Map<string, { used: number; open: Map<string, { granted: number; spent: number }> }>();
  const counterOf = (id: string) => {
    const counter = counters.get(id) ?? { used: 0, open: new Map() };
    counters.set(id, counter);
    return counter;
  };
  const leftOf = (id: string, bound: number) =>
    [...counterOf(id).open.values()].reduce(
      (left, { granted, spent }) => left - Math.max(granted, spent),
      bound - counterOf(id).used,
    );
  let next = 0;
  const served = await inProcess(LimitService, {
    async lease(request) {
      if (state.away) throw new GatewayError('unavailable', 'Away.', { retryAfterMs: 1 });
      if (state.unreadable !== '') {
        const details = { limit: state.unreadable };
        throw new GatewayError('unavailable', `Limit ${state.unreadable} is not accepted.`, { details });
      }
      state.leases.push(request);
      const key = request.subject?.principal?.id ?? '';
      const asked = state.rules.flatMap((rule) => {
        const trajectory = request.subject?.trajectory ?? '';
        if (request.needed[rule.dimension] === undefined || (rule.per === 'trajectory' && !trajectory)) return [];
        const of = { key, trajectory: `trajectory:${trajectory}`, tenant: 'tenant:default' }[rule.per ?? 'key'];
        const id = `${rule.name} ${of}`;
        const left = leftOf(id, rule.bound);
        const needed = request.needed[rule.dimension] ?? 0;
        return [{ rule, id, of, left, needed, exhausted: needed > left || left <= 0 }];
      });
      const refused = asked.some(({ exhausted }) => exhausted);
      const shares = asked.map(({ rule, id, of, left, needed, exhausted }) => {
        const granted = refused ? 0 : Math.max(needed, Math.floor(left / 10));
        const leaseId = `l${next++}.${id}`;
        if (!refused) counterOf(id).open.set(leaseId, { granted, spent: 0 });
        return {
          leaseId,
          limit: `${rule.name}/${rule.dimension}`,
          dimension: rule.dimension,
          subject: of,
          granted,
          remaining: left - granted,
          limitValue: rule.bound,
          expiresAtMs: Date.now() + (options.leaseMs ?? 30_000),
          resetsAtMs: rule.per === 'trajectory' ? 0 : Date.now() + 60_000,
          exhausted,
          failurePolicy: rule.failurePolicy ?? 'Open',
        };
      });
      return { shares, unlimited: state.rules.length === 0, limitRevision: state.revision };
    },
    async settle(request) {
      if (state.away) throw new GatewayError('unavailable', 'Away.', { retryAfterMs: 1 });
      state.settled.push(request);
      const unknownLeaseIds: string[] = [];
      for (const { leaseId, amount, final } of request.spent) {
        const counter = counterOf(leaseId.slice(leaseId.indexOf('.') + 1));
        const lease = counter.open.get(leaseId);
        if (!lease) {
          unknownLeaseIds.push(leaseId);
          continue;
        }
        lease.spent = amount;
        if (!final) continue;
        counter.used += amount;
        counter.open.delete(leaseId);
      }
      return { unknownLeaseIds };
    },
  });
  const listeners = new Set<(kind: string) => void>();
  const limits = limitShares({
    client: served.client,
    log: quiet,
    replica: 'r',
    timeoutMs: 10_000,
    snapshot: {
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      revision: () => 'r1',
    },
  });
  limits.start();
  closing.push(async () => {
    state.away = false;
    await limits.stop();
    await served.close();
  });
  const usedOf = (id: string) => counterOf(id).used;
  const openOf = (id: string) => counterOf(id).open.size;
  const changed = (kind: string) => {
    for (const listener of listeners) listener(kind);
  };
  const spend = async (amounts: Amounts, of: LimitSubject = subject()) => {
    const reservation = await limits.reserve(of, amounts);
    reservation.settle(amounts);
  };
  return { state, limits, spend, changed, usedOf, openOf, loseCounters: () => counters.clear() };
}

describe('limitShares', () => {
  it('[peers:no-hop-when-warm] remembers that no limit selects a subject, until Limit changes', async () => {
    const { state, limits, changed } = await policy([]);
    for (let time = 0; time < 3; time++) expect((await limits.reserve(subject(), { requests: 1 })).touched).toEqual([]);
    expect(state.leases).toHaveLength(1);
    state.rules = [{ name: 'l', dimension: 'requests', bound: 1 }];
    changed('Model');
    await limits.reserve(subject(), { requests: 1 });
    expect(state.leases).toHaveLength(1);
    changed('Limit');
    await limits.reserve(subject(), { requests: 1 });
    await expect(limits.reserve(subject(), { requests: 1 })).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('asks again soon where policy answered by another revision of Limit', async () => {
    const { state, limits } = await policy([]);
    state.revision = 'r0';
    await limits.reserve(subject(), { requests: 1 });
    await limits.reserve(subject(), { requests: 1 });
    expect(state.leases).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    await limits.reserve(subject(), { requests: 1 });
    expect(state.leases).toHaveLength(2);
  });

  it('[limits:told-exact] tells what is left without asking: as leased, less what was spent and set aside since', async () => {
    const { state, limits, spend } = await policy([
      { name: 'wide', dimension: 'tokens', bound: 1_000 },
      { name: 'tight', dimension: 'tokens', bound: 500, per: 'trajectory' },
    ]);
    await spend({ tokens: 10 });
    const reservation = await limits.reserve(subject(), { tokens: 15 });
    expect(reservation.allowance('tokens', Date.now())).toEqual({ limit: 500, remaining: 475, resetsAtMs: 0 });
    expect(reservation.allowance('requests', Date.now())).toBeUndefined();
    reservation.settle({ tokens: 5 });
    expect(reservation.allowance('tokens', Date.now())?.remaining).toBe(485);
    expect(state.leases).toHaveLength(1);
    // Of what is leased anew it is told at once, also of calls that began before; what is left of a share comes back.
    await limits.reserve(subject(), { tokens: 100 });
    expect(state.leases).toHaveLength(2);
    expect(reservation.allowance('tokens', Date.now())?.remaining).toBe(385);
  });

  it('[limits:told-exact] tells nothing of a limit whose window is over', async () => {
    const { limits } = await policy([{ name: 'l', dimension: 'tokens', bound: 1_000 }]);
    const reservation = await limits.reserve(subject(), { tokens: 15 });
    expect(reservation.allowance('tokens', Date.now() + 120_000)).toBeUndefined();
  });

  it('spends from its share without asking, and reports what was spent', async () => {
    const { state, limits, spend, usedOf } = await policy([{ name: 'l', dimension: 'tokens', bound: 1_000 }]);
    for (let time = 0; time < 10; time++) await spend({ tokens: 10 });
    expect(state.leases).toHaveLength(1);
    await limits.stop();
    expect(usedOf('l key:1')).toBe(100);
  });

  it('reports what was really used, more or less than was set aside', async () => {
    const { limits, usedOf } = await policy([{ name: 'l', dimension: 'tokens', bound: 1_000 }]);
    const low = await limits.reserve(subject(), { tokens: 50 });
    const high = await limits.reserve(subject(), { tokens: 50 });
    low.settle({ tokens: 5 });
    low.settle({ tokens: 5 });
    high.settle({ tokens: 130 });
    await limits.stop();
    expect(usedOf('l key:1')).toBe(135);
  });

  it.each([
    ['requests', 'rate_limited'],
    ['tokens', 'rate_limited'],
    ['nano_usd', 'budget_exceeded'],
    ['steps', 'step_limit'],
    ['concurrency', 'rate_limited'],
  ] as const)('[peers:limit-codes] refuses exhausted %s with %s, naming the limit', async (dimension, code) => {
    const { limits } = await policy([{ name: 'small', dimension, bound: 2 }]);
    await limits.reserve(subject(), { [dimension]: 2 });
    await expect(limits.reserve(subject(), { [dimension]: 1 })).rejects.toMatchObject({
      code,
      details: { limit: `small/${dimension}`, dimension, value: 2 },
    });
  });

  it('[peers:limit-exact] lets exactly the bound through, however many ask at once', async () => {
    const { limits, usedOf } = await policy([
      { name: 'l', dimension: 'requests', bound: 20 },
      { name: 'wide', dimension: 'tokens', bound: 1_000_000 },
    ]);
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, async () => {
        const reservation = await limits.reserve(subject(), { requests: 1, tokens: 100 });
        reservation.settle({ requests: 1, tokens: 20 });
      }),
    );
    let through = results.filter(({ status }) => status === 'fulfilled').length;
    expect(through).toBeLessThanOrEqual(20);
    for (let time = 0; time < 25; time++) {
      await Promise.resolve(limits.reserve(subject(), { requests: 1, tokens: 100 })).then(
        (reservation) => {
          reservation.settle({ requests: 1, tokens: 20 });
          through++;
        },
        () => undefined,
      );
    }
    await limits.stop();
    expect(through).toBe(20);
    expect(usedOf('l key:1')).toBe(20);
    expect(usedOf('wide key:1')).toBe(400);
  });

  it('[peers:limit-give-back] gives concurrency back, and never counts what lies idle in its own hands', async () => {
    const { limits, spend } = await policy([
      { name: 'one', dimension: 'concurrency', bound: 1, per: 'tenant' },
      { name: 'few', dimension: 'requests', bound: 30 },
    ]);
    for (let time = 0; time < 12; time++) await spend({ concurrency: 1, requests: 1 });
    // Another key of the tenant needs the slot that this replica still holds a share of.
    await spend({ concurrency: 1, requests: 1 }, subject({ key: '2' }));
    const open = await limits.reserve(subject(), { concurrency: 1, requests: 1 });
    await expect(limits.reserve(subject({ key: '2' }), { concurrency: 1, requests: 1 })).rejects.toMatchObject({
      code: 'rate_limited',
    });
    open.settle({ requests: 1 });
    await spend({ concurrency: 1, requests: 1 }, subject({ key: '2' }));
  });

  it('[peers:limit-renewed] renews the lease of a long call, so that concurrency is not given to others', async () => {
    const { state, limits } = await policy([{ name: 'one', dimension: 'concurrency', bound: 1 }], { leaseMs: 3_000 });
    const open = await limits.reserve(subject(), { concurrency: 1 });
    await until(
      'the lease is renewed',
      () => state.settled.some(({ spent }) => spent.some(({ final }) => !final)),
      3_000,
    );
    await expect(limits.reserve(subject(), { concurrency: 1 })).rejects.toMatchObject({ code: 'rate_limited' });
    open.settle({});
    await limits.reserve(subject(), { concurrency: 1 });
  });

  it('[peers:limit-lost] spends nothing more of a share once the counters that it was leased from are lost', async () => {
    const { state, spend, loseCounters, usedOf } = await policy([{ name: 'l', dimension: 'requests', bound: 100 }]);
    await spend({ requests: 1 });
    loseCounters();
    await spend({ requests: 1 });
    const reports = state.settled.length;
    await until('the loss is told', () => state.settled.length > reports + 1, 2_000);
    let passed = 0;
    for (; passed < 200; passed++) {
      const ended = await spend({ requests: 1 }).then(
        () => false,
        () => true,
      );
      if (ended) break;
    }
    expect(passed).toBe(100);
    expect(usedOf('l key:1')).toBeLessThanOrEqual(100);
  });

  it('[peers:limit-per-run] counts each trajectory apart, and one begun without a trajectory hides none', async () => {
    const { limits } = await policy([
      { name: 'run', dimension: 'steps', bound: 2, per: 'trajectory' },
      { name: 'all', dimension: 'steps', bound: 1_000 },
    ]);
    await limits.reserve(subject({ trajectory: '' }), { steps: 1 });
    for (const trajectory of ['a', 'b']) {
      for (let step = 0; step < 2; step++)
        (await limits.reserve(subject({ trajectory }), { steps: 1 })).settle({ steps: 1 });
      await expect(limits.reserve(subject({ trajectory }), { steps: 1 })).rejects.toMatchObject({ code: 'step_limit' });
    }
  });

  it('asks for a dimension that the first request of a subject did not need', async () => {
    const { limits } = await policy([{ name: 'l', dimension: 'tokens', bound: 10 }]);
    await limits.reserve(subject(), { requests: 1 });
    await expect(limits.reserve(subject(), { tokens: 11 })).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('[peers:limit-ends-leases] ends leases that nobody uses, so that finished runs leave nothing behind', async () => {
    const { spend, openOf } = await policy([{ name: 'run', dimension: 'steps', bound: 9, per: 'trajectory' }], {
      leaseMs: 100,
    });
    await spend({ steps: 1 });
    await until('the lease is final', () => openOf('run trajectory:t1') === 0);
  });

  it.each([
    ['Open', 'goes on'],
    ['Closed', 'is refused'],
  ])(
    '[peers:limit-failure-policy] with policy away, what fails %s %s once its share is spent',
    async (failurePolicy) => {
      const { state, limits, spend } = await policy([{ name: 'l', dimension: 'requests', bound: 20, failurePolicy }]);
      await spend({ requests: 1 });
      state.away = true;
      // The share of two has one left.
      await spend({ requests: 1 });
      const next = limits.reserve(subject(), { requests: 1 });
      if (failurePolicy === 'Open') await expect(next).resolves.toBeDefined();
      else await expect(next).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 1_000 });
      // Who was never seen cannot be known to be unlimited.
      await expect(limits.reserve(subject({ key: '9' }), { requests: 1 })).rejects.toMatchObject({
        code: 'unavailable',
      });
    },
  );

  it('[policy:unreadable] a Limit that policy cannot read is named, and its refusal is not taken for policy being away', async () => {
    const rule = { name: 'l', dimension: 'requests', bound: 20, failurePolicy: 'Open' };
    const { state, limits, spend } = await policy([rule]);
    await spend({ requests: 2 });
    state.unreadable = 'broken';
    await expect(limits.reserve(subject(), { requests: 1 })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('broken'),
    });
  });

  it('[peers:limit-reported-later] reports what was spent while policy was away once it is back', async () => {
    const { state, limits, spend, usedOf } = await policy([{ name: 'l', dimension: 'tokens', bound: 1_000 }]);
    await spend({ tokens: 10 });
    state.away = true;
    await spend({ tokens: 10 });
    await new Promise((resolve) => setTimeout(resolve, 400));
    state.away = false;
    await limits.stop();
    expect(usedOf('l key:1')).toBe(20);
  });
});
