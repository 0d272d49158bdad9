import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { ApprovalService, ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { signatureOf } from '../../services/policy/src/approvals/webhook.ts';
import { agent, approvalReplicas, person, timeoutMs } from '../support/approval-replicas.ts';

type Replicas = Awaited<ReturnType<typeof approvalReplicas>>;

describe('approvals, what is kept of them and who is told', () => {
  let replicas: Replicas | undefined;
  let suite: Replicas['suite'];
  let around: Replicas['around'];
  let hook: Replicas['hook'];
  let config: Replicas['config'];
  let one: Replicas['one'];
  let two: Replicas['two'];
  let fresh: Replicas['fresh'];
  let decide: Replicas['decide'];
  let ask: Replicas['ask'];
  let say: Replicas['say'];
  let stateOf: Replicas['stateOf'];

  beforeAll(async () => {
    replicas = await approvalReplicas();
    ({ suite, around, hook, config, one, two, fresh, decide, ask, say, stateOf } = replicas);
  }, 90_000);
  afterAll(() => replicas?.close(), 30_000);

  it('[approval:absence] lets administrators decide after the reminder where policy says so', async () => {
    const id = await ask({ tool: 'team', run: fresh() });
    const admin = { approver: person('root', { role: Principal_Role.ADMIN }) };
    await expect(say(id, admin)).rejects.toMatchObject({ code: 'permission_denied' });
    const reminders = () =>
      hook.calls.map(({ body }) => JSON.parse(body)).filter((one) => one.id === id && one.reminder);
    for (let i = 0; i < 100 && reminders().length === 0; i++) await pause(50);
    await say(id, admin);
    expect(await stateOf(id)).toBe(ApprovalState.APPROVED);
    expect(reminders()).toHaveLength(1);
  });

  it('[approval:expiry] is over after its time, asked and granted alike', async () => {
    const run = fresh();
    const [open, granted] = [await ask({ tool: 'brief', run: fresh() }), await ask({ tool: 'brief', run })];
    await say(granted);
    const client = one.client(ApprovalService, 'model-proxy');
    const waited = await client.awaitApprovals({ tenant: 'acme', ids: [open] }, { timeoutMs });
    expect(waited.states).toEqual([ApprovalState.EXPIRED]);
    for (let i = 0; i < 100 && (await stateOf(granted)) !== ApprovalState.EXPIRED; i++) await pause(25);
    await expect(say(open)).rejects.toMatchObject({ code: 'conflict' });
    expect(await stateOf(granted)).toBe(ApprovalState.EXPIRED);
    expect((await decide({ tool: 'brief', run }))?.enforced).toBe(Action.ASK);
  });

  it('answers who waits shortly before the deadline', async () => {
    const id = await ask({ run: fresh() });
    const client = one.client(ApprovalService, 'mcp-broker');
    const waited = await client.awaitApprovals({ tenant: 'acme', ids: [id, 'no-such'] }, { timeoutMs: 600 });
    expect(waited.states).toEqual([ApprovalState.PENDING, ApprovalState.UNSPECIFIED]);
  });

  it('[approval:endorse] endorses the asked value for this run, and for good where the approver says so', async () => {
    const run = fresh();
    const call = { tool: 'send', run };
    expect(await decide(call)).toMatchObject({
      enforced: Action.ASK,
      asked: ['/to'],
      reason: 'Strangers get no mail. A person is asked, as nobody vouched for args.to.',
    });
    const id = await ask(call);
    await say(id, { endorse: ['/to'], endorseUntilMs: Date.now() + 60_000 });
    expect(await decide(call)).toMatchObject({ enforced: Action.ALLOW, grantedBy: [id] });
    const other = await decide({ ...call, to: 'X@EVIL.example' }, two);
    expect(other).toMatchObject({ enforced: Action.ALLOW });
    const elsewhere = { ...call, run: fresh() };
    expect((await decide(elsewhere))?.enforced).toBe(Action.ALLOW);
    expect((await decide({ ...elsewhere, who: agent({ user: 'bob', id: 'key:b' }) }))?.enforced).toBe(Action.ASK);
    expect((await decide({ ...elsewhere, to: 'y@evil.example' }))?.enforced).toBe(Action.ASK);

    const client = two.client(ApprovalService, 'console');
    const { endorsements } = await client.listEndorsements({ tenant: 'acme', user: 'ann' }, { timeoutMs });
    const good = endorsements.find((each) => each.trajectory === '');
    expect(good).toMatchObject({ argument: '/to', valueJson: '"x@evil.example"', endorsedBy: 'user:bea' });
    await client.revokeEndorsement({ tenant: 'acme', id: good?.id ?? '', user: 'bob' }, { timeoutMs });
    expect((await decide(elsewhere))?.enforced).toBe(Action.ALLOW);
    await client.revokeEndorsement({ tenant: 'acme', id: good?.id ?? '', user: 'ann' }, { timeoutMs });
    expect((await decide(elsewhere))?.enforced).toBe(Action.ASK);
    expect((await decide(call))?.enforced).toBe(Action.ALLOW);
  });

  it('[approval:durable] outlives its replica', async () => {
    const call = { run: fresh() };
    const three = await suite.replica(config);
    const id = await ask(call, three);
    await three.stop();
    await say(id);
    const four = await suite.replica(config);
    expect((await decide(call, four))?.enforced).toBe(Action.ALLOW);
    await four.stop();
  }, 60_000);

  it('[approval:sealed] keeps what is asked about sealed, and in one tenant', async () => {
    const id = await ask({ run: fresh(), to: 'sealed@evil.example' });
    const read = 'select count(*) as n from approvals';
    expect(Number((await suite.asRole('globex', read)).rows[0]?.n)).toBe(0);
    expect(Number((await suite.asRole(undefined, read)).rows[0]?.n)).toBe(0);
    const { rows } = await suite.asRole('acme', 'select a::text as row, content from approvals a where id = $1', [id]);
    expect(rows[0].row).not.toContain('evil');
    expect((rows[0].content as Buffer).includes('evil')).toBe(false);
  });

  it('[approval:records] leaves a record of each question and each word, without values', async () => {
    const id = await ask({ run: 'recorded', to: 'recorded@evil.example' });
    await say(id, { approve: false, note: 'No.' });
    for (let i = 0; i < 50 && around.records.filter((each) => each.detailJson.includes(id)).length < 2; i++) {
      await pause(50);
    }
    const found = around.records.filter((each) => each.detailJson.includes(id));
    expect(found.map((each) => JSON.parse(each.detailJson).state)).toEqual(['pending', 'rejected']);
    expect(found[1]).toMatchObject({
      kind: Record_Kind.APPROVAL,
      trajectory: 'recorded',
      user: 'ann',
      rule: 'wire/ask',
      outcome: 'refused',
    });
    expect(JSON.parse(found[1]?.detailJson ?? '{}')).toMatchObject({ by: 'user:bea', approve: false, note: 'No.' });
    expect(JSON.stringify(found)).not.toContain('recorded@evil');
  });

  it('[approval:webhook] calls the webhook once a question, signed, again where it failed, and without values', async () => {
    const id = await ask({ run: fresh(), to: 'hooked@evil.example' });
    const told = () => hook.calls.some(({ body }) => body.includes(id));
    const again = () => hook.calls.slice(1).some(({ body }) => body === hook.calls[0]?.body);
    for (let i = 0; i < 100 && !(told() && again()); i++) await pause(50);
    const call = hook.calls.find(({ body }) => body.includes(id));
    expect(JSON.parse(call?.body ?? '{}')).toMatchObject({
      id,
      tool: 'mail/wire',
      link: `https://gate.example.com/approve/${id}`,
      reminder: false,
    });
    const time = Number(/t=(\d+)/.exec(call?.signature ?? '')?.[1]);
    expect(call?.signature).toBe(signatureOf('a secret of the hook', time, call?.body ?? ''));
    expect(hook.calls.some(({ body }) => body.includes('evil'))).toBe(false);
    const [refused, ...others] = hook.calls;
    expect(others.map(({ body }) => body)).toContain(refused?.body);
  });

  it('[policy:observed] counts of rules in Observe from all replicas reach the operator', async () => {
    const bob = agent({ user: 'bob', id: 'key:b' });
    const typed = { tool: 'watched', origin: 'typed' };
    const decided = [
      await decide({ ...typed, run: fresh() }),
      await decide({ ...typed, run: fresh(), who: bob }, two),
      await decide({ ...typed, run: fresh(), who: agent({ id: 'key:k2' }) }, two),
    ];
    expect(decided.map((each) => [each?.verdict, each?.enforced])).toEqual(Array(3).fill([Action.ASK, Action.ALLOW]));
    const wanted = JSON.stringify({ observed: [{ rule: 'ask', count: 3, principals: 2 }] });
    for (let i = 0; i < 80 && around.reports.get('watched') !== wanted; i++) await pause(50);
    expect(around.reports.get('watched')).toBe(wanted);
  });

  it('[approval:endorse-void] holds for nobody of the same name later, nor once user or tool server is gone, and is listed so', async () => {
    const console = two.client(ApprovalService, 'console');
    const listed = async (user: string) =>
      (await console.listEndorsements({ tenant: 'acme', user }, { timeoutMs })).endorsements.map(
        (each) => each.voidReason,
      );
    const endorse = async (who: object) => {
      await say(await ask({ tool: 'send', run: fresh(), who }), {
        endorse: ['/to'],
        endorseUntilMs: Date.now() + 60_000,
      });
    };
    const [eve, fred] = [agent({ user: 'eve' }), agent({ user: 'fred' })];
    for (const who of [eve, fred]) await endorse(who);
    const enforced = async (who: object) => (await decide({ tool: 'send', run: fresh(), who }))?.enforced;
    expect(await enforced(eve)).toBe(Action.ALLOW);
    expect(await enforced({ ...eve, userSinceMs: Date.now() + 1 })).toBe(Action.ASK);
    around.end({ user: 'eve', reason: 'left team core', by: 'key:scim' });
    around.end({ user: 'eve', reason: 'deleted', by: 'key:scim' });
    for (let i = 0; i < 100 && !(await listed('eve')).includes('deleted'); i++) await pause(50);
    expect(await listed('eve')).toEqual(['deleted', 'deleted']);
    expect(await enforced(eve)).toBe(Action.ASK);
    expect(await enforced(fred)).toBe(Action.ALLOW);
    around.removeServer('mail');
    for (let i = 0; i < 100 && (await listed('fred')).includes(''); i++) await pause(50);
    expect(await listed('fred')).toEqual(['The tool server is gone.', 'The tool server is gone.']);
    expect(await listed('eve')).toContain('deleted');
    const told = () => around.records.filter(({ detailJson }) => detailJson.includes('"state":"void"'));
    for (let i = 0; i < 100 && told().length < 2; i++) await pause(50);
    expect(told().map(({ detailJson }) => JSON.parse(detailJson))).toContainEqual(
      expect.objectContaining({ argument: '/to', by: 'key:scim', reason: 'deleted' }),
    );
  });
});
