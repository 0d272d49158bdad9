import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { type RpcServer, rpcServer } from '@sallyport/chassis/rpc/server';
import {
  type Record as AuditRecord,
  Record_Kind,
  RecordSchema,
  RecordService,
} from '@sallyport/proto/audit/v1/audit_pb';
import { ApprovalService, ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action, DecisionService, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { signatureOf } from '../../services/policy/src/approvals/webhook.ts';
import { keyFile, type Replica, type ServiceReplicas, serviceReplicas } from '../support/service-replicas.ts';

const timeoutMs = 8000;
const KINDS = ['AccessPolicy', 'ToolPolicy', 'Limit', 'ToolServer', 'Model'];
const asks = (tool: string, approvers: object, when?: string) => ({
  tools: [{ server: 'mail', tool }],
  calls: [{ name: 'ask', action: 'Ask', reason: 'Strangers get no mail.', ...(when === undefined ? {} : { when }) }],
  approvers,
});
const BOSS = { users: ['bea', 'ben'] };
const SPECS: Record<string, Record<string, object>> = {
  AccessPolicy: { all: { subjects: { everyone: true }, models: ['*'], tools: ['mail/*'] } },
  ToolPolicy: {
    send: asks('send', BOSS, '!known(args.to)'),
    wire: asks('wire', BOSS),
    two: asks('two', { ...BOSS, users: ['ann', 'bea', 'ben'], needed: 2 }),
    brief: asks('brief', { ...BOSS, expiresAfter: '1s' }),
    team: asks('team', { teams: ['finance'], remindAfter: '1s', onAbsence: 'Administrators' }),
    drift: asks('drift', BOSS),
    watched: { ...asks('watched', BOSS), mode: 'Observe' },
  },
  Limit: {},
  ToolServer: { mail: { remote: { url: 'https://mail.example.com' }, defaultClass: 'Egress' } },
  Model: {},
};
const TRUSTED = { trusted: true, public: true };
const TAINTED = { trusted: false, sources: ['tool:mail/list'], public: true };
const person = (user: string, fields: object = {}) => ({
  tenant: 'acme',
  kind: Principal_Kind.USER,
  id: `user:${user}`,
  user,
  ...fields,
});
const agent = (fields: object = {}) => ({
  tenant: 'acme',
  kind: Principal_Kind.KEY,
  id: 'key:k1',
  keyId: 'k1',
  user: 'ann',
  client: 'agent',
  ...fields,
});

/** An operator whose resources change while it is watched, and an audit that keeps what it gets. */
async function surroundings() {
  const log = createLogger({ service: 'test', level: 'error' });
  const listen = { host: '127.0.0.1', port: 0 };
  const reports = new Map<string, string>();
  const watchers = new Set<() => void>();
  const records: AuditRecord[] = [];
  const codec = codecOf(RecordSchema);
  let revision = 1;
  const message = (kind: string) => ({
    kind,
    revision: `r${revision}`,
    full: true,
    upserts: Object.entries(SPECS[kind] ?? {}).map(([name, spec]) => {
      const specJson = JSON.stringify(spec);
      return { tenant: 'acme', name, uid: `uid-${kind}-${name}`, specJson, contentHash: specJson };
    }),
  });
  const operator = rpcServer({
    listen,
    tls: undefined,
    log,
    callers: { 'sallyport.snapshot.v1.SnapshotService': ['policy'] },
  });
  operator.add(SnapshotService, {
    async *watch(_request, context) {
      for (const kind of KINDS) yield message(kind);
      while (!context.signal.aborted) {
        await new Promise<void>((resolve) => {
          watchers.add(resolve);
          context.signal.addEventListener('abort', () => resolve());
        });
        if (!context.signal.aborted) yield message('ToolPolicy');
      }
    },
    async report({ observations }) {
      for (const { name, statusJson } of observations) reports.set(name, statusJson);
      return {};
    },
  });
  const audit = rpcServer({
    listen,
    tls: undefined,
    log,
    callers: { 'sallyport.audit.v1.RecordService': ['policy'] },
  });
  audit.add(RecordService, {
    async *append() {},
    async commit(request) {
      for (const bytes of request.records) records.push(codec.decode(bytes) as AuditRecord);
      return {};
    },
  });
  await Promise.all([operator.start(), audit.start()]);
  const change = () => {
    revision++;
    for (const wake of watchers) wake();
    watchers.clear();
  };
  return { operator, audit, records, reports, change };
}

/** Receives webhooks. */
async function receiver() {
  const calls: { body: string; signature: string }[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      calls.push({ body, signature: String(request.headers['sallyport-signature']) });
      // The first is refused, so that it is sent again.
      response.writeHead(calls.length === 1 ? 503 : 200).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { calls, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

describe('approvals on two replicas', () => {
  let suite: ServiceReplicas;
  let around: Awaited<ReturnType<typeof surroundings>>;
  let hook: Awaited<ReturnType<typeof receiver>>;
  let one: Replica;
  let two: Replica;
  let config: Record<string, unknown>;
  let number = 0;

  beforeAll(async () => {
    [suite, around, hook] = await Promise.all([serviceReplicas('policy'), surroundings(), receiver()]);
    config = {
      peers: {
        operator: `ipv4:127.0.0.1:${(around.operator as RpcServer).port()}`,
        audit: `ipv4:127.0.0.1:${(around.audit as RpcServer).port()}`,
      },
      sealKeysFile: suite.file('seal-keys.json', keyFile('k1')),
      enforce: true,
      observedInterval: '200ms',
      approvals: {
        upkeepInterval: '100ms',
        recordInterval: '100ms',
        webhook: {
          urlFile: suite.file('hook-url', hook.url),
          secretFile: suite.file('hook', 'a secret of the hook'),
          publicUrl: 'https://gate.example.com',
          allowPrivateNetwork: true,
        },
      },
    };
    [one, two] = await Promise.all([suite.replica(config), suite.replica(config)]);
  }, 90_000);
  afterAll(async () => {
    await suite?.close();
    hook?.server.close();
    await Promise.all([around?.operator.stop(Date.now() + 1000), around?.audit.stop(Date.now() + 1000)]);
  }, 30_000);

  interface Asked {
    readonly tool?: string;
    readonly to?: string;
    readonly run?: string;
    readonly who?: object;
    readonly context?: object;
    readonly origin?: string;
    readonly useId?: string;
  }
  const fresh = () => `run-${++number}`;
  const requestOf = (given: Asked) => {
    const { tool = 'wire', to = 'x@evil.example', run = 't1', who = agent(), context = TRUSTED } = given;
    const call = {
      callId: 'c1',
      tool: { kind: ToolRef_Kind.BROKERED, server: 'mail', serverUid: 'uid-ToolServer-mail', name: tool, digest: 'd1' },
      argumentsJson: JSON.stringify({ to, subject: 'secret words' }),
      origins: [
        { pointer: '/to', origin: given.origin ?? 'composed', label: TRUSTED },
        { pointer: '/subject', origin: 'composed', label: TRUSTED },
      ],
      useId: given.useId ?? `use-${++number}`,
    };
    return { principal: who, trajectory: run, context, calls: [call] };
  };
  const decide = async (given: Asked, at = one) => {
    const answer = await at.client(DecisionService, 'model-proxy').decideCalls(requestOf(given), { timeoutMs });
    return answer.decisions[0];
  };
  const ask = async (given: Asked, at = one) => {
    const answer = await at.client(ApprovalService, 'model-proxy').requestApprovals(requestOf(given), { timeoutMs });
    return answer.approvals[0]?.id ?? '';
  };
  const say = (id: string, fields: object = {}, at = two) =>
    at
      .client(ApprovalService, 'console')
      .decideApproval({ tenant: 'acme', id, approver: person('bea'), approve: true, ...fields }, { timeoutMs });
  const stateOf = async (id: string, at = one) => {
    const answer = await at.client(ApprovalService, 'console').getApproval({ tenant: 'acme', id }, { timeoutMs });
    return answer.approval?.state;
  };

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
    SPECS.ToolPolicy = { ...SPECS.ToolPolicy, drift: asks('drift', { users: ['bea', 'ben', 'cas'] }) };
    around.change();
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

  it('[approval:absence] lets administrators decide after the reminder where policy says so', async () => {
    const id = await ask({ tool: 'team', run: fresh() });
    const admin = { approver: person('root', { role: Principal_Role.ADMIN }) };
    await expect(say(id, admin)).rejects.toMatchObject({ code: 'permission_denied' });
    await pause(1300);
    await say(id, admin);
    expect(await stateOf(id)).toBe(ApprovalState.APPROVED);
    const told = hook.calls.map(({ body }) => JSON.parse(body) as { id: string; reminder: boolean });
    expect(told.filter((each) => each.id === id && each.reminder)).toHaveLength(1);
  });

  it('[approval:expiry] is over after its time, asked and granted alike', async () => {
    const [open, granted] = [await ask({ tool: 'brief', run: fresh() }), await ask({ tool: 'brief', run: fresh() })];
    await say(granted);
    const client = one.client(ApprovalService, 'model-proxy');
    const waited = await client.awaitApprovals({ tenant: 'acme', ids: [open] }, { timeoutMs });
    expect(waited.states).toEqual([ApprovalState.EXPIRED]);
    await pause(300);
    await expect(say(open)).rejects.toMatchObject({ code: 'conflict' });
    expect(await stateOf(granted)).toBe(ApprovalState.EXPIRED);
    expect((await decide({ tool: 'brief', run: `run-${number}` }))?.enforced).toBe(Action.ASK);
  });

  it('answers who waits shortly before the deadline', async () => {
    const id = await ask({ run: fresh() });
    const client = one.client(ApprovalService, 'mcp-broker');
    const waited = await client.awaitApprovals({ tenant: 'acme', ids: [id, 'no-such'] }, { timeoutMs: 900 });
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
  }, 30_000);

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
    for (let i = 0; i < 60 && !hook.calls.some(({ body }) => body.includes(id)); i++) await pause(50);
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
    expect(hook.calls[0]?.body).toBe(hook.calls[1]?.body);
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

  it('[approval:callers] takes questions from the gates and words from console only', async () => {
    const fromGate = one.client(ApprovalService, 'model-proxy').listApprovals({ tenant: 'acme' }, { timeoutMs });
    await expect(fromGate).rejects.toMatchObject({ code: 'permission_denied' });
    const fromConsole = one.client(ApprovalService, 'console').requestApprovals(requestOf({}), { timeoutMs });
    await expect(fromConsole).rejects.toMatchObject({ code: 'permission_denied' });
  });
});
