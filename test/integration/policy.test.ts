import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { type RpcServer, rpcServer } from '@sallyport/chassis/rpc/server';
import { AccessService } from '@sallyport/proto/policy/v1/access_pb';
import { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { Action, DecisionService, ToolRef_Kind, TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { keyFile, type Replica, type ServiceReplicas, serviceReplicas } from '../support/service-replicas.ts';

const timeoutMs = 5000;
// These tests start a process of their own, which takes its time on a busy machine.
const START_MS = 30_000;
const KINDS = ['AccessPolicy', 'ToolPolicy', 'Limit', 'ToolServer', 'Model'];
const SPECS: Record<string, Record<string, unknown>> = {
  AccessPolicy: { all: { subjects: { everyone: true }, models: ['*'], tools: ['mail/*'] } },
  ToolPolicy: {
    mail: {
      tools: [{ server: 'mail', tool: 'send' }],
      calls: [{ name: 'outside', when: '!args.to.endsWith("@acme.com")', action: 'Deny', reason: 'Only to acme.' }],
    },
    notes: {
      tools: [{ server: 'mail', tool: '*-note' }],
      calls: [{ name: 'may', action: 'Allow', reason: 'Notes are ours.' }],
      results: [{ name: 'ours', action: 'Allow', trust: 'Trusted' }],
    },
  },
  Limit: { run: { per: 'Trajectory', steps: 20 } },
  ToolServer: {
    mail: {
      remote: { url: 'https://mail.example.com' },
      tools: [
        { name: 'send', class: 'Egress' },
        { name: 'list', class: 'Read' },
        { name: 'write-note', class: 'Write', objects: [{ kind: 'note', argument: '/note' }] },
        { name: 'make-note', class: 'Write', objects: [{ kind: 'note', result: '/id' }] },
        { name: 'list-note', class: 'Read', objects: [{ kind: 'note', result: '/notes/*/id' }] },
      ],
    },
  },
  Model: {},
};
const TRUSTED = { trusted: true, public: true };
const TAINTED = { trusted: false, sources: ['tool:mail/list'], public: true };
const principal = (fields: { tenant?: string; id?: string; user?: string } = {}) => ({
  tenant: 'acme',
  kind: Principal_Kind.KEY,
  id: 'key:k1',
  keyId: 'k1',
  user: 'ann',
  client: 'agent',
  ...fields,
});

/** An operator that tells the same resources to everybody; it can stop, as an operator may. */
async function operator(): Promise<RpcServer> {
  const server = rpcServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    log: createLogger({ service: 'test', level: 'error' }),
    callers: { 'sallyport.snapshot.v1.SnapshotService': ['policy'] },
  });
  server.add(SnapshotService, {
    async *watch(_request, context) {
      for (const kind of KINDS) {
        const upserts = Object.entries(SPECS[kind] ?? {}).map(([name, spec]) => ({
          tenant: 'acme',
          name,
          uid: `uid-${kind}-${name}`,
          specJson: JSON.stringify(spec),
          contentHash: `${kind}-${name}-1`,
        }));
        yield { kind, revision: 'r1', full: true, upserts };
      }
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
    },
    report: async () => ({}),
  });
  await server.start();
  return server;
}

describe('policy on Postgres', () => {
  let suite: ServiceReplicas;
  let told: RpcServer;
  let one: Replica;
  let config: Record<string, unknown>;
  let trajectories: Client<typeof TrajectoryService>;

  beforeAll(async () => {
    [suite, told] = await Promise.all([serviceReplicas('policy'), operator()]);
    config = {
      peers: { operator: `ipv4:127.0.0.1:${told.port()}`, audit: 'ipv4:127.0.0.1:9' },
      sealKeysFile: suite.file('seal-keys.json', keyFile('k1')),
      enforce: true,
      snapshotCacheFile: suite.file('snapshot.json', '').replace('snapshot.json', 'cache/snapshot.json'),
    };
    one = await suite.replica(config);
    trajectories = one.client(TrajectoryService, 'model-proxy');
  }, 90_000);
  afterAll(async () => {
    await suite?.close();
    await told?.stop(Date.now() + 1000);
  }, 30_000);

  const remember = (fields: Record<string, unknown> = {}) =>
    trajectories.remember(
      {
        released: [
          {
            tenant: 'acme',
            principalId: 'key:k1',
            user: 'ann',
            trajectory: 't1',
            label: TRUSTED,
            digests: [{ digest: 'd1', label: TRUSTED, kind: 'assistant' }],
            callIds: ['call_1'],
            assistantDigest: 'm1',
            steps: 3,
            ...fields,
          },
        ],
      },
      { timeoutMs },
    );
  const join = (fields: Record<string, unknown>, who = principal()) =>
    trajectories.join({ principal: who, ...fields }, { timeoutMs });

  it('decides by what the operator told', async () => {
    const decisions = one.client(DecisionService, 'mcp-broker');
    const tool = { kind: ToolRef_Kind.BROKERED, server: 'mail', serverUid: 'uid-ToolServer-mail', name: 'send' };
    const decide = async (to: string, context: object) => {
      const origins = [{ pointer: '/to', origin: 'typed' }];
      const calls = [{ callId: 'c', tool, argumentsJson: JSON.stringify({ to }), origins }];
      const answer = await decisions.decideCalls({ principal: principal(), context, calls }, { timeoutMs });
      return answer.decisions[0];
    };
    expect(await decide('x@acme.com', TRUSTED)).toMatchObject({ enforced: Action.ALLOW, toolClass: 'egress' });
    expect(await decide('x@evil.com', TRUSTED)).toMatchObject({ rule: 'mail/outside', reason: 'Only to acme.' });
    expect(await decide('x@acme.com', TAINTED)).toMatchObject({ rule: 'builtin/side-effects', enforced: Action.DENY });
    // A name alone could mean another server of that name.
    const unnamed = [{ ...tool, serverUid: '' }];
    const calls = unnamed.map((one) => ({ tool: one, argumentsJson: '{"to":"x@acme.com"}' }));
    const denied = await decisions.decideCalls({ principal: principal(), context: TRUSTED, calls }, { timeoutMs });
    expect(denied.decisions).toMatchObject([{ rule: 'builtin/unknown-tool', enforced: Action.HIDE }]);
    const listed = await decisions.decideTools(
      { principal: principal(), context: TRUSTED, tools: unnamed },
      { timeoutMs },
    );
    expect(listed.decisions).toMatchObject([{ rule: 'builtin/unknown-tool', enforced: Action.HIDE }]);
    const access = one.client(AccessService, 'model-proxy');
    expect((await access.resolveAccess({ principal: principal() }, { timeoutMs })).grants).toHaveLength(1);
    const foreign = await access.resolveAccess({ principal: principal({ tenant: 'globex' }) }, { timeoutMs });
    expect(foreign.grants).toEqual([]);
  });

  it('[policy:callers] answers the two proxies only', async () => {
    const asked = one.client(DecisionService, 'console').decideTools({ principal: principal() }, { timeoutMs });
    await expect(asked).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it.each([
    ['by its header', { claimed: 't1' }],
    ['by the id of a call', { callIds: ['call_1', 'unknown'] }],
    ['by the digest of its last message', { lastAssistantDigest: 'm1' }],
  ])('[policy:join] a run is found %s', async (_, fields) => {
    await remember();
    const joined = await join({ ...fields, digests: ['d1', 'd2'] });
    expect(joined).toMatchObject({ trajectory: 't1', foreign: false, steps: 3, label: { trusted: true } });
    expect(joined.known).toMatchObject([{ digest: 'd1', kind: 'assistant', label: { trusted: true } }]);
  });

  it.each([
    ['another tenant', { tenant: 'globex' }],
    ['another user', { user: 'bob' }],
    ['another key', { id: 'key:k2' }],
  ])('[policy:trajectory-binding] a run is as if absent for %s', async (_, who) => {
    await remember();
    const joined = await join({ claimed: 't1', callIds: ['call_1'], digests: ['d1'] }, principal(who));
    expect(joined).toMatchObject({ trajectory: '', known: [], steps: 0, foreign: !('tenant' in who) });
  });

  it('[policy:trajectory-binding] releases for the run of somebody else are refused and not kept', async () => {
    await remember({ trajectory: 't-ann' });
    const foreign = { trajectory: 't-ann', principalId: 'key:evil', user: 'eve', label: TRUSTED, steps: 99 };
    await expect(remember(foreign)).rejects.toMatchObject({
      code: 'permission_denied',
      details: { foreign: ['t-ann'] },
    });
    expect(await join({ claimed: 't-ann' })).toMatchObject({ steps: 3 });
  });

  it('[policy:taint-latch] a run that was tainted stays so, whatever is remembered or claimed later', async () => {
    await remember({ trajectory: 't2', label: TAINTED, callIds: ['call_2'], assistantDigest: 'm2', digests: [] });
    await remember({ trajectory: 't2', label: TRUSTED, callIds: [], assistantDigest: '', digests: [] });
    expect((await join({ claimed: 't2' })).label).toMatchObject({ trusted: false, sources: ['tool:mail/list'] });
    await remember({ trajectory: 't3', callIds: [], assistantDigest: 'm3', digests: [] });
    expect(await join({ claimed: 't3', callIds: ['call_2'] })).toMatchObject({
      trajectory: 't3',
      label: { trusted: false },
    });
  });

  it('[policy:no-laundering] what was untrusted in one run is known as untrusted in another, also under another key', async () => {
    await remember({
      trajectory: 't4',
      label: TAINTED,
      digests: [{ digest: 'bad', label: TAINTED, kind: 'result', tool: 'x' }],
    });
    const fresh = await join({ digests: ['bad'] }, principal({ id: 'key:k9' }));
    expect(fresh.known).toMatchObject([{ digest: 'bad', label: { trusted: false }, tool: 'x' }]);
    const other = await join({ digests: ['bad'] }, principal({ user: 'bob', id: 'key:k9' }));
    expect(other.known).toEqual([]);
  });

  it('a history that leads nowhere is untrusted where nobody stands behind the key', async () => {
    const nobody = await join({ digests: ['never'] }, principal({ user: '' }));
    expect(nobody).toMatchObject({ trajectory: '', label: { trusted: false } });
    expect((await join({ digests: [] }, principal({ user: '' }))).label).toMatchObject({ trusted: true });
  });

  describe('what untrusted content left behind', () => {
    const brokered = (name: string) => ({
      kind: ToolRef_Kind.BROKERED,
      server: 'mail',
      serverUid: 'uid-ToolServer-mail',
      name,
    });
    const call = async (name: string, args: object, origins: object[], who = principal()) => {
      const calls = [{ callId: 'c', tool: brokered(name), argumentsJson: JSON.stringify(args), origins }];
      const request = { principal: who, trajectory: 't-written', context: TRUSTED, calls };
      const answer = await one.client(DecisionService, 'mcp-broker').decideCalls(request, { timeoutMs });
      return answer.decisions[0];
    };
    const result = async (name: string, args: object, value: object, who = principal()) => {
      const [argumentsJson, resultJson] = [JSON.stringify(args), JSON.stringify(value)];
      const request = { principal: who, trajectory: 't-written', tool: brokered(name), argumentsJson, resultJson };
      const answer = await one.client(DecisionService, 'mcp-broker').decideResult(request, { timeoutMs });
      return answer.label;
    };
    const HANDLE = [{ pointer: '/text', origin: 'handle', from: 'mail/list', label: TAINTED }];

    it('[policy:untrusted-values] a value that untrusted content brought is known in every run and for every key of its user', async () => {
      await remember({ trajectory: 't-values', fingerprints: [{ digest: 'f1', source: 'tool:mail/list' }] });
      const origins = (...fingerprints: string[]) => [
        { pointer: '/to', origin: 'composed', label: TRUSTED, fingerprints },
      ];
      const to = { to: 'x@acme.com' };
      expect(await call('send', to, origins('f2'))).toMatchObject({ enforced: Action.ALLOW });
      const rule = 'builtin/untrusted-arguments';
      expect(await call('send', to, origins('f2', 'f1'))).toMatchObject({ enforced: Action.DENY, rule });
      expect(await call('send', to, origins('f1'), principal({ id: 'key:k9' }))).toMatchObject({ rule });
      const other = await call('send', to, origins('f1'), principal({ user: 'bob', id: 'key:b' }));
      expect(other).toMatchObject({ enforced: Action.ALLOW });
      const typed = [{ pointer: '/to', origin: 'typed', label: TRUSTED, fingerprints: ['f1'] }];
      expect(await call('send', to, typed)).toMatchObject({ enforced: Action.ALLOW });
    });

    it('[policy:untrusted-objects] what untrusted content was written into is trusted no more, for nobody', async () => {
      const note = { note: 'n1', text: 'words' };
      const list = { notes: [{ id: 'n0' }, { id: 'n1' }] };
      const typed = ['/note', '/text'].map((pointer) => ({ pointer, origin: 'typed', label: TRUSTED }));
      expect(await call('write-note', note, typed)).toMatchObject({ enforced: Action.ALLOW });
      expect(await result('list-note', {}, list)).toMatchObject({ trusted: true });
      await call('write-note', note, [...typed.slice(0, 1), ...HANDLE]);
      const bob = principal({ user: 'bob', id: 'key:b' });
      expect(await result('list-note', {}, list, bob)).toMatchObject({
        trusted: false,
        sources: expect.arrayContaining(['tool:mail/list']),
        audience: ['user:bob'],
      });
      expect(await result('list-note', {}, { notes: [{ id: 'n0' }] })).toMatchObject({ trusted: true });
      expect(await result('write-note', note, {})).toMatchObject({ trusted: false });
    });

    it('[policy:untrusted-objects] an object that is made of untrusted content is known by the id in the result', async () => {
      const args = { text: 'words' };
      await call('make-note', args, HANDLE);
      expect(await result('make-note', args, { id: 'made' })).toMatchObject({ trusted: false });
      expect(await result('list-note', {}, { notes: [{ id: 'made' }] })).toMatchObject({ trusted: false });
      expect(await result('make-note', { text: 'other' }, { id: 'clean' })).toMatchObject({ trusted: true });
    });

    it('[policy:untrusted-objects] objects that a gate tells of are labelled, and no label ever raises one', async () => {
      const labelled = (id: string, label: object) => ({ serverUid: 'uid-ToolServer-mail', kind: 'note', id, label });
      await remember({ trajectory: 't-told', objects: [labelled('told', TAINTED), labelled('fine', TRUSTED)] });
      await remember({ trajectory: 't-told', objects: [labelled('told', TRUSTED)] });
      expect(await result('list-note', {}, { notes: [{ id: 'told' }] })).toMatchObject({ trusted: false });
      expect(await result('list-note', {}, { notes: [{ id: 'fine' }] })).toMatchObject({ trusted: true });
    });
  });

  it('[policy:tenant] rows of one tenant are nowhere for another one', async () => {
    for (const table of ['trajectories', 'released_digests', 'released_marks']) {
      expect((await suite.asRole('*', `select 1 from ${table}`)).rowCount).toBeGreaterThan(0);
      expect((await suite.asRole('globex', `select 1 from ${table}`)).rowCount).toBe(0);
      expect((await suite.asRole(undefined, `select 1 from ${table}`)).rowCount).toBe(0);
    }
  });

  it(
    '[policy:steps-rebuilt] a new process goes on counting the steps of a run',
    async () => {
      await remember({ trajectory: 't5', steps: 19 });
      const two = await suite.replica(config);
      const limits = two.client(LimitService, 'model-proxy');
      const lease = () =>
        limits.lease(
          {
            requestId: `${Math.random()}`,
            subject: { principal: principal(), trajectory: 't5' },
            needed: { steps: 1 },
          },
          { timeoutMs },
        );
      expect((await lease()).shares).toMatchObject([{ limit: 'run/steps', granted: 1, remaining: 0 }]);
      expect((await lease()).shares).toMatchObject([{ exhausted: true, limitValue: 20 }]);
    },
    START_MS,
  );

  it(
    '[policy:swept] a run that expired is gone with all that it released, and no other',
    async () => {
      const brief = await suite.replica({ ...config, trajectories: { ttl: '1s', sweepInterval: '200ms' } });
      const tenant = 'brief';
      const release = (client: typeof trajectories, trajectory: string) =>
        client.remember(
          {
            released: [
              {
                tenant,
                principalId: 'key:k1',
                trajectory,
                label: TRUSTED,
                digests: [{ digest: `d-${trajectory}`, label: TRUSTED, kind: 'assistant' }],
                callIds: [`call-${trajectory}`],
                assistantDigest: `m-${trajectory}`,
                steps: 1,
              },
            ],
          },
          { timeoutMs },
        );
      await release(trajectories, 'stays');
      await release(brief.client(TrajectoryService, 'model-proxy'), 'goes');
      const count = async () => {
        const { rows } = await suite.asRole(
          tenant,
          `select (select count(*) from trajectories)::int as runs, (select count(*) from released_digests)::int as digests,
                  (select count(*) from released_marks)::int as marks`,
        );
        return rows[0];
      };
      expect(await count()).toEqual({ runs: 2, digests: 2, marks: 4 });
      const until = Date.now() + timeoutMs;
      while ((await count()).runs > 1 && Date.now() < until) await new Promise((go) => setTimeout(go, 100));
      expect(await count()).toEqual({ runs: 1, digests: 1, marks: 2 });
    },
    START_MS,
  );

  it(
    '[policy:stored-snapshot] without its operator it starts from its stored snapshot, and refuses side effects',
    async () => {
      const three = await suite.replica({
        ...config,
        peers: { operator: 'ipv4:127.0.0.1:9', audit: 'ipv4:127.0.0.1:9' },
      });
      const decisions = three.client(DecisionService, 'mcp-broker');
      const decide = async (name: string) => {
        const tool = { kind: ToolRef_Kind.BROKERED, server: 'mail', serverUid: 'uid-ToolServer-mail', name };
        const calls = [{ tool, argumentsJson: '{"to":"x@acme.com"}' }];
        const answer = await decisions.decideCalls({ principal: principal(), context: TRUSTED, calls }, { timeoutMs });
        return answer.decisions[0];
      };
      expect(await decide('list')).toMatchObject({ enforced: Action.ALLOW });
      expect(await decide('send')).toMatchObject({ enforced: Action.DENY, rule: 'builtin/not-caught-up' });
    },
    START_MS,
  );
});
