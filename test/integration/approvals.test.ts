import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApprovalService, ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { agent, approvalReplicas, asks, person, TAINTED, timeoutMs } from '../support/approval-replicas.ts';

type Replicas = Awaited<ReturnType<typeof approvalReplicas>>;

describe('who decides approvals, and for what', () => {
  let replicas: Replicas | undefined;
  let around: Replicas['around'];
  let one: Replicas['one'];
  let two: Replicas['two'];
  let fresh: Replicas['fresh'];
  let requestOf: Replicas['requestOf'];
  let decide: Replicas['decide'];
  let ask: Replicas['ask'];
  let say: Replicas['say'];
  let stateOf: Replicas['stateOf'];

  beforeAll(async () => {
    replicas = await approvalReplicas();
    ({ around, one, two, fresh, requestOf, decide, ask, say, stateOf } = replicas);
  }, 90_000);
  afterAll(() => replicas?.close(), 30_000);

  it('[approval:exact] waits for a person at another replica; the call passes once, and again for the same use', async () => {
    const call = { run: fresh(), useId: 'the-use' };
    const first = await decide(call);
    expect(first).toMatchObject({ verdict: Action.ASK, enforced: Action.ASK, rule: 'wire/ask', asked: [] });
    const id = await ask(call);
    expect(await ask(call, two)).toBe(id);
    const waiting = one
      .client(ApprovalService, 'model-proxy')
      .awaitApprovals({ tenant: 'acme', ids: [id] }, { timeoutMs });
    expect((await decide(call))?.enforced).toBe(Action.ASK);
    await say(id);
    expect((await waiting).states).toEqual([ApprovalState.APPROVED]);
    expect(await decide(call)).toMatchObject({ enforced: Action.ALLOW, grantedBy: [id] });
    expect(await decide(call, two)).toMatchObject({ enforced: Action.ALLOW, grantedBy: [id] });
    expect((await decide({ ...call, useId: 'a-replay' }, two))?.enforced).toBe(Action.ASK);
    expect(await stateOf(id)).toBe(ApprovalState.USED);
    const states = () =>
      around.records
        .map(({ detailJson }) => JSON.parse(detailJson) as { approval: string; state: string })
        .flatMap(({ approval, state }) => (approval === id ? [state] : []));
    for (let i = 0; i < 50 && states().length < 3; i++) await pause(50);
    expect(states()).toEqual(['pending', 'approved', 'used']);
  });

  it('[approval:once] of two uses at once on two replicas one passes', async () => {
    const call = { run: fresh() };
    await say(await ask(call));
    const decided = await Promise.all([0, 1, 2, 3].map((i) => decide({ ...call }, i % 2 === 0 ? one : two)));
    expect(decided.filter((decision) => decision?.enforced === Action.ALLOW)).toHaveLength(1);
  });

  it.each([
    ['other arguments', { to: 'y@evil.example' }],
    ['another run', { run: 'another' }],
    ['another key of the same user', { who: agent({ id: 'key:k2' }) }],
    ['another tenant', { who: agent({ tenant: 'globex' }) }],
  ])('[approval:exact] is not good for %s', async (_, other) => {
    const call = { run: fresh() };
    await say(await ask(call));
    expect((await decide({ ...call, ...other }))?.enforced).not.toBe(Action.ALLOW);
    expect((await decide(call))?.enforced).toBe(Action.ALLOW);
  });

  it.each([
    ['a label', { context: TAINTED }],
    ['an origin', { origin: 'unknown' }],
  ])('[approval:void] is void once %s has changed', async (_, other) => {
    const call = { run: fresh() };
    const id = await ask(call);
    await say(id);
    expect((await decide({ ...call, ...other }))?.enforced).toBe(Action.ASK);
    expect(await stateOf(id)).toBe(ApprovalState.VOID);
    expect((await decide(call))?.enforced).toBe(Action.ASK);
  });

  it('[approval:void] is void once the rules that asked have changed', async () => {
    const call = { tool: 'drift', run: fresh() };
    const grantedRun = fresh();
    const [open, granted] = [await ask(call), await ask({ ...call, run: grantedRun })];
    await say(granted);
    const before = (await decide({ run: fresh() }))?.policyRevision;
    around.change('drift', asks('drift', { users: ['bea', 'ben', 'cas'] }));
    for (const at of [one, two]) {
      for (let i = 0; i < 100 && (await decide({ run: fresh() }, at))?.policyRevision === before; i++) await pause(50);
    }
    await expect(say(open)).rejects.toMatchObject({ code: 'conflict' });
    expect(await stateOf(open)).toBe(ApprovalState.VOID);
    expect((await decide({ ...call, run: grantedRun }))?.enforced).toBe(Action.ASK);
    expect(await stateOf(granted)).toBe(ApprovalState.VOID);
  });

  it('[approval:exactly-one] of two approvers at once on two replicas the first counts', async () => {
    const id = await ask({ run: fresh() });
    const said = await Promise.allSettled([
      say(id, { approver: person('bea'), approve: true }, one),
      say(id, { approver: person('ben'), approve: false }, two),
    ]);
    expect(said.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = said.find((each) => each.status === 'rejected') as PromiseRejectedResult;
    expect(lost.reason).toMatchObject({ code: 'conflict' });
  });

  it('[approval:two] needs two people, of whom the requester is none', async () => {
    const id = await ask({ tool: 'two', run: fresh() });
    await expect(say(id, { approver: person('ann') })).rejects.toMatchObject({ code: 'permission_denied' });
    await say(id);
    expect(await stateOf(id)).toBe(ApprovalState.PENDING);
    const again = { approver: person('bea', { id: 'key:of-bea', kind: Principal_Kind.KEY }) };
    await expect(say(id, again)).rejects.toMatchObject({ code: 'conflict' });
    await say(id, { approver: person('ben') }, one);
    expect(await stateOf(id)).toBe(ApprovalState.APPROVED);
  });

  it('[approval:approvers] is decided by nobody else, and hidden from strangers', async () => {
    const id = await ask({ run: fresh() });
    const admin = person('root', { role: Principal_Role.ADMIN });
    await expect(say(id, { approver: person('eve') })).rejects.toMatchObject({ code: 'not_found' });
    await expect(say(id, { approver: person('ann') })).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(say(id, { approver: admin })).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(say(id, { approver: person('bea', { tenant: 'globex' }) })).rejects.toMatchObject({
      code: 'not_found',
    });
    const list = (approver: object) =>
      one
        .client(ApprovalService, 'console')
        .listApprovals({ tenant: 'acme', approver: approver as never }, { timeoutMs });
    expect((await list(person('bea'))).approvals.map((approval) => approval.id)).toContain(id);
    expect((await list(person('eve'))).approvals).toEqual([]);
    const open = { tenant: 'acme', states: [ApprovalState.PENDING], pageSize: 1 };
    const first = await one.client(ApprovalService, 'console').listApprovals(open, { timeoutMs });
    expect(first.approvals.map((approval) => approval.state)).toEqual([ApprovalState.PENDING]);
    const next = { ...open, states: [], pageToken: first.nextPageToken };
    const second = await two.client(ApprovalService, 'console').listApprovals(next, { timeoutMs });
    expect(second.approvals[0]?.id).not.toBe(first.approvals[0]?.id);
    await expect(say(id, { approver: admin, breakGlass: true })).rejects.toMatchObject({ code: 'invalid_request' });
    const { approval } = await say(id, { approver: admin, breakGlass: true, note: 'Payroll is due.' });
    expect(approval).toMatchObject({
      state: ApprovalState.APPROVED,
      words: [{ user: 'user:root', breakGlass: true, note: 'Payroll is due.' }],
    });
  });

  it('[approval:callers] takes questions from the gates and words from console only', async () => {
    const fromGate = one.client(ApprovalService, 'model-proxy').listApprovals({ tenant: 'acme' }, { timeoutMs });
    await expect(fromGate).rejects.toMatchObject({ code: 'permission_denied' });
    const fromConsole = one.client(ApprovalService, 'console').requestApprovals(requestOf({}), { timeoutMs });
    await expect(fromConsole).rejects.toMatchObject({ code: 'permission_denied' });
  });
});
