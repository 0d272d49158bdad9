import { afterEach, describe, expect, it } from '@jest/globals';
import type { Amounts, LimitSubject, Reservation } from '@sallyport/peers/limits';
import { principalOfTest } from '../testing.ts';
import { replicas } from './testing-leases.ts';

const CALL: Amounts = { requests: 1, steps: 1, concurrency: 1 };
const CREATE = 'github/create_issue';
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Brokers that spend of Limits of one policy. */
async function brokers(specs: Readonly<Record<string, object>>, count = 1) {
  // All steps of the run count, whatever they were.
  const { all, leases, stop } = await replicas(specs, { count, stepsTaken: 30 });
  closing.push(stop);
  const make = async (subject: Partial<LimitSubject> = {}, at = 0): Promise<Reservation> =>
    await (all[at] as (typeof all)[number]).reserve(
      { principal: principalOfTest(), model: '', trajectory: 't1', customer: '', newTrajectory: false, ...subject },
      CALL,
    );
  const call = async (subject: Partial<LimitSubject> = {}, at = 0) => (await make(subject, at)).settle(CALL);
  return { make, call, leases };
}

const refused = { code: 'rate_limited', details: { limit: 'create/requests' } };

describe('limits on tools', () => {
  it('[limits:tools] counts calls of the tools that it picks, for each user, and nothing else', async () => {
    const { call } = await brokers({
      create: { per: 'User', requests: 2, window: '1h', match: { tools: [{ server: 'git*', tool: 'create_*' }] } },
    });
    await call({ tool: CREATE });
    await call({ tool: 'gitlab/create_issue' });
    await expect(call({ tool: CREATE })).rejects.toMatchObject(refused);
    const bob = principalOfTest({ id: 'key:k2', keyId: 'k2', user: 'bob' });
    await call({ tool: CREATE, principal: bob });
    for (let time = 0; time < 5; time++) {
      await call({ tool: 'github/read_issue' });
      await call({ tool: 'jira/create_issue' });
      await call({ model: 'gpt' });
    }
  });

  it('[limits:tools-retry] says when a call may be made again', async () => {
    const { call } = await brokers({
      create: { per: 'User', requests: 1, window: '1h', match: { tools: [{ server: 'github', tool: '*' }] } },
    });
    await call({ tool: CREATE });
    const error = await call({ tool: CREATE }).catch((caught: unknown) => caught as { retryAfterMs: number });
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(3_600_000);
  });

  it('[limits:tools-turns] a call that a turn makes counts for the tool, and not again for the turn', async () => {
    const { call } = await brokers({
      all: { per: 'Key', requests: 1, window: '1h' },
      create: { per: 'User', requests: 2, window: '1h', match: { tools: [{ server: 'github', tool: '*' }] } },
    });
    await call({ model: 'gpt' });
    await call({ tool: CREATE, toolLimitsOnly: true });
    await call({ tool: CREATE, toolLimitsOnly: true });
    await expect(call({ tool: CREATE, toolLimitsOnly: true })).rejects.toMatchObject(refused);
  });

  it('[limits:tools-runs] of a run counts the calls that it picks, and no other steps that the run has taken', async () => {
    const { call } = await brokers({
      create: { per: 'Trajectory', steps: 2, match: { tools: [{ server: 'github', tool: '*' }] } },
    });
    const inTurn = { tool: CREATE, toolLimitsOnly: true };
    await call(inTurn);
    await call(inTurn);
    await expect(call(inTurn)).rejects.toMatchObject({ code: 'step_limit' });
    await call({ ...inTurn, trajectory: 't2' });
  });

  it('[limits:tools-replicas] brokers together let no more through than it says, in a window and at once', async () => {
    const { make } = await brokers(
      {
        create: { per: 'Tenant', requests: 30, window: '1h', match: { tools: [{ server: '*', tool: '*' }] } },
        once: { per: 'Tenant', concurrency: 4, match: { tools: [{ server: '*', tool: '*' }] } },
      },
      3,
    );
    let now = 0;
    let most = 0;
    let made = 0;
    const one = async (at: number) => {
      for (let attempt = 0; attempt < 40; attempt++) {
        const got = await make({ tool: CREATE }, at).catch(() => undefined);
        if (got === undefined) continue;
        most = Math.max(most, ++now);
        made++;
        await new Promise((resolve) => setImmediate(resolve));
        now--;
        got.settle(CALL);
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, index) => one(index % 3)));
    expect(most).toBeLessThanOrEqual(4);
    expect(made).toBeGreaterThan(4);
    expect(made).toBeLessThanOrEqual(30);
  });

  it('[limits:tools-unasked] where no Limit picks tools policy is asked once, however many tools are called', async () => {
    const { call, leases } = await brokers({
      other: { per: 'Key', requests: 5, window: '1h', match: { keys: ['x'] } },
    });
    for (let tool = 0; tool < 20; tool++) await call({ tool: `s/t${tool}` });
    expect(leases()).toBe(1);
  });
});
