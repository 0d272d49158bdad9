import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import type { CallContext } from '@sallyport/chassis/rpc/server';
import { LeaseRequestSchema, SettleRequestSchema } from '@sallyport/proto/policy/v1/limit_pb';
import { policyMetrics } from '../metrics.ts';
import { principalOfTest, snapshotOf, type TestResource } from '../testing.ts';
import { limitService } from './service.ts';
import type { LimitStore } from './store.ts';
import { memoryLimitStore } from './store-memory.ts';

const CONTEXT = {} as CallContext;
const limit = (name: string, spec: Record<string, unknown>): TestResource => ({ kind: 'Limit', name, spec });

async function serviceWith(limits: readonly TestResource[], extra: { store?: LimitStore; steps?: number } = {}) {
  const clock = { now: 1_000_000 };
  const snapshot = await snapshotOf(limits);
  const service = limitService({
    snapshot: () => snapshot,
    store: extra.store ?? memoryLimitStore(() => clock.now),
    stepsTaken: async () => extra.steps ?? 0,
    leaseTtlMs: 30_000,
    concurrencyTtlMs: 60_000,
    trajectoryTtlMs: 3_600_000,
    metrics: policyMetrics(createMetrics('policy', { defaults: false })),
    log: createLogger({ service: 'policy', level: 'error' }),
    now: () => clock.now,
  });
  let requests = 0;
  const lease = (
    needed: Record<string, number>,
    fields: { id?: string; model?: string; trajectory?: string; isNew?: boolean; principal?: object } = {},
  ) =>
    service.lease(
      create(LeaseRequestSchema, {
        requestId: fields.id ?? `r${requests++}`,
        subject: {
          principal: principalOfTest(fields.principal),
          model: fields.model ?? 'gpt',
          trajectory: fields.trajectory ?? 't1',
        },
        needed,
        newTrajectory: fields.isNew ?? false,
      }),
      CONTEXT,
    );
  const settle = (leaseId: string | undefined, amount: number, final = true) =>
    service.settle(
      create(SettleRequestSchema, { spent: [{ leaseId: leaseId ?? '', tenant: 'acme', amount, final }] }),
      CONTEXT,
    );
  return { lease, settle, clock };
}
const granted = (answer: { shares?: readonly { granted?: number }[] }) =>
  (answer.shares ?? []).map((share) => share.granted);

describe('limits', () => {
  it('a subject that no Limit selects is unlimited', async () => {
    const { lease } = await serviceWith([
      limit('l', { per: 'Key', requests: 10, window: '1m', match: { keys: ['other'] } }),
    ]);
    expect(await lease({ requests: 1 })).toMatchObject({ unlimited: true, shares: [], limitRevision: 'r1' });
  });

  it('[policy:unreadable] a Limit that cannot be read refuses what it selects, naming itself, and nothing else', async () => {
    const ofOthers = limit('typo', { per: 'Key', requests: 'ten', window: '1m', match: { keys: ['other'] } });
    const { lease } = await serviceWith([ofOthers]);
    expect(await lease({ requests: 1 })).toMatchObject({ unlimited: true });
    await expect(lease({ steps: 1 }, { model: '', principal: { keyId: 'other' } })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('Limit typo'),
      details: { limit: 'typo' },
    });
    const any = await serviceWith([limit('any', { requests: 10, match: { keys: 3 } })]);
    for (const needed of [{ requests: 1 }, { steps: 1 }]) {
      await expect(any.lease(needed)).rejects.toMatchObject({ details: { limit: 'any' } });
    }
    const ofModel = await serviceWith([limit('big', { match: { models: ['big-*'] } })]);
    expect(await ofModel.lease({ steps: 1 }, { model: '' })).toMatchObject({ unlimited: true });
    await expect(ofModel.lease({ requests: 1 }, { model: 'big-1' })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('[policy:lease-share] a share is a tenth of what is left, or what is needed', async () => {
    const { lease } = await serviceWith([limit('l', { per: 'Key', requests: 100, tokens: 1000, window: '1m' })]);
    const answer = await lease({ requests: 1, tokens: 500 });
    expect(answer.shares).toMatchObject([
      { limit: 'l/requests', subject: 'key:k1', granted: 10, remaining: 90, limitValue: 100, exhausted: false },
      { limit: 'l/tokens', granted: 500, remaining: 500, failurePolicy: 'Open' },
    ]);
    expect(answer.shares?.[0]).toMatchObject({ resetsAtMs: 1_020_000, expiresAtMs: 1_020_000 });
  });

  it('[policy:lease-idempotent] the same request again gets the same lease', async () => {
    const { lease } = await serviceWith([limit('l', { per: 'Key', requests: 100, window: '1m' })]);
    const first = await lease({ requests: 1 }, { id: 'x' });
    expect((await lease({ requests: 1 }, { id: 'x' })).shares).toEqual(first.shares);
    expect((await lease({ requests: 1 }, { id: 'y' })).shares?.[0]?.remaining).toBe(81);
  });

  it('grants nothing of any limit where one is exhausted', async () => {
    const { lease, settle } = await serviceWith([
      limit('a', { per: 'Key', requests: 100, window: '1m' }),
      limit('b', { per: 'User', usd: '0.000000010', window: '24h' }),
    ]);
    const first = await lease({ requests: 1, nano_usd: 10 });
    await settle(first.shares?.[1]?.leaseId, 10);
    const answer = await lease({ requests: 1, nano_usd: 1 });
    expect(answer.shares).toMatchObject([
      { granted: 0, exhausted: true, remaining: 0, failurePolicy: 'Closed', subject: 'user:ann' },
      { granted: 0, exhausted: false, remaining: 90 },
    ]);
  });

  it('[policy:lease-unknown] says of which leases it knows nothing, and counts nothing for them', async () => {
    const { lease, settle } = await serviceWith([limit('l', { per: 'Key', requests: 100, window: '1m' })]);
    const leaseId = (await lease({ requests: 1 })).shares?.[0]?.leaseId ?? '';
    expect(await settle(leaseId, 3, false)).toEqual({ unknownLeaseIds: [] });
    expect(await settle(leaseId, 3)).toEqual({ unknownLeaseIds: [] });
    expect(await settle(leaseId, 3)).toEqual({ unknownLeaseIds: [leaseId] });
    expect((await lease({ requests: 1 })).shares?.[0]?.remaining).toBe(88);
    expect(await settle(`l.${'0'.repeat(32)}`, 3)).toEqual({ unknownLeaseIds: [`l.${'0'.repeat(32)}`] });
  });

  it('windows begin anew', async () => {
    const { lease, clock } = await serviceWith([limit('l', { per: 'Key', requests: 1, window: '1m' })]);
    expect(granted(await lease({ requests: 1 }))).toEqual([1]);
    expect(granted(await lease({ requests: 1 }))).toEqual([0]);
    clock.now = 1_020_000;
    expect(granted(await lease({ requests: 1 }))).toEqual([1]);
  });

  it('concurrency comes back when it is settled, and when its lease expires', async () => {
    const { lease, settle, clock } = await serviceWith([limit('l', { per: 'Key', concurrency: 1 })]);
    const first = await lease({ concurrency: 1 });
    expect(granted(await lease({ concurrency: 1 }))).toEqual([0]);
    await settle(first.shares?.[0]?.leaseId, 0);
    expect(granted(await lease({ concurrency: 1 }))).toEqual([1]);
    clock.now += 300_000;
    expect(granted(await lease({ concurrency: 1 }))).toEqual([1]);
  });

  it('[limits:long-calls] concurrency stays taken by a call however long it goes on, as long as it is renewed', async () => {
    const { lease, settle, clock } = await serviceWith([limit('l', { per: 'Key', concurrency: 1 })]);
    const first = (await lease({ concurrency: 1 })).shares?.[0];
    // As the caller's side renews: at half of what it was told.
    for (let renewals = 0; renewals < 6; renewals++) {
      clock.now += 30_000;
      await settle(first?.leaseId, 0, false);
      expect(granted(await lease({ concurrency: 1 }))).toEqual([0]);
    }
    clock.now += 60_000;
    expect(granted(await lease({ concurrency: 1 }))).toEqual([1]);
  });

  it('[policy:new-trajectory] a run that this replica has just begun gets half of what it may spend', async () => {
    const { lease } = await serviceWith([limit('l', { per: 'Trajectory', steps: 20, usd: '1' })]);
    expect(granted(await lease({ steps: 1, nano_usd: 5 }, { isNew: true }))).toEqual([5e8, 10]);
    expect(granted(await lease({ steps: 1 }, { trajectory: 't2' }))).toEqual([2]);
  });

  it('[policy:steps-rebuilt] steps of a run that the counters lost are those that the run is known to have taken', async () => {
    const { lease } = await serviceWith([limit('l', { per: 'Trajectory', steps: 20 })], { steps: 19 });
    expect(granted(await lease({ steps: 1 }))).toEqual([1]);
    expect(granted(await lease({ steps: 1 }))).toEqual([0]);
  });

  it.each<[string, Record<string, unknown>, object, readonly (string | undefined)[]]>([
    ['each team', { per: 'Team' }, { teams: ['a', 'b'] }, ['team:a', 'team:b']],
    ['a model', { per: 'Model', match: { models: ['gp*'] } }, {}, ['model:gpt']],
    ['the customer of the key', { per: 'Customer' }, { customer: 'c' }, ['customer:c']],
    ['nobody where there is no customer', { per: 'Customer' }, {}, []],
    ['a key without an owner, per user', { per: 'User' }, { user: '' }, ['key:k1']],
    ['the tenant', { per: 'Tenant', match: { users: ['ann'] } }, {}, ['tenant:acme']],
    ['nobody of another model', { per: 'Key', match: { models: ['claude-*'] } }, {}, []],
  ])('counts per %s', async (_, spec, principal, subjects) => {
    const { lease } = await serviceWith([limit('l', { requests: 10, window: '1m', ...spec })]);
    const answer = await lease({ requests: 1 }, { principal });
    expect((answer.shares ?? []).map((share) => share.subject)).toEqual(subjects);
  });

  it('one tenant never counts against another one', async () => {
    const other = { ...limit('l', { per: 'Tenant', requests: 1, window: '1m' }), tenant: 'other' };
    const { lease } = await serviceWith([limit('l', { per: 'Tenant', requests: 1, window: '1m' }), other]);
    expect(granted(await lease({ requests: 1 }))).toEqual([1]);
    expect(granted(await lease({ requests: 1 }, { principal: { tenant: 'other' } }))).toEqual([1]);
  });

  it('[policy:failure-policy] without its store, rate stays open and money is closed', async () => {
    const fail = () => Promise.reject(new Error('away'));
    const store: LimitStore = { grant: fail, settle: fail, unknown: fail };
    const open = await serviceWith([limit('l', { per: 'Key', requests: 10, window: '1m' })], { store });
    expect(granted(await open.lease({ requests: 1 }))).toEqual([1]);
    const closed = await serviceWith([limit('l', { per: 'Key', usd: '1', window: '1m' })], { store });
    await expect(closed.lease({ nano_usd: 1 })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it.each([[{ banana: 1 }], [{ requests: -1 }], [{ requests: Number.NaN }]])('refuses to lease %j', async (needed) => {
    const { lease } = await serviceWith([limit('l', { per: 'Key', requests: 10, window: '1m' })]);
    await expect(lease(needed as unknown as Record<string, number>)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('[policy:lease-concurrent] many replicas at once never get more than the limit', async () => {
    const { lease } = await serviceWith([limit('l', { per: 'Tenant', tokens: 1000, window: '1h' })]);
    const answers = await Promise.all(Array.from({ length: 200 }, () => lease({ tokens: 7 })));
    const sum = answers.flatMap(granted).reduce<number>((total, one) => total + (one ?? 0), 0);
    expect(sum).toBeLessThanOrEqual(1000);
    expect(sum).toBeGreaterThan(990);
  });
});
