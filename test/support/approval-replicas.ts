import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { GatewayError } from '@sallyport/chassis/errors';
import { createLogger } from '@sallyport/chassis/log';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { type Record as AuditRecord, RecordSchema, RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { ApprovalService } from '@sallyport/proto/policy/v1/approval_pb';
import { DecisionService, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { keyFile, type Replica, serviceReplicas } from './service-replicas.ts';

/** Deadline of one question in these tests, ms. */
export const timeoutMs = 8000;
const KINDS = ['AccessPolicy', 'ToolPolicy', 'Limit', 'ToolServer', 'Model'];
/** A policy that asks about one tool of the mail server. */
export const asks = (tool: string, approvers: object, when?: string) => ({
  tools: [{ server: 'mail', tool }],
  calls: [{ name: 'ask', action: 'Ask', reason: 'Strangers get no mail.', ...(when === undefined ? {} : { when }) }],
  approvers,
});
const BOSS = { users: ['bea', 'ben'] };
const specs = (): Record<string, Record<string, object>> => ({
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
});
const TRUSTED = { trusted: true, public: true };
/** The context after a mail was read. */
export const TAINTED = { trusted: false, sources: ['tool:mail/list'], public: true };
/** Somebody who decides, or tries to. */
export const person = (user: string, fields: object = {}) => ({
  tenant: 'acme',
  kind: Principal_Kind.USER,
  id: `user:${user}`,
  user,
  ...fields,
});
/** The key that calls are asked for with. */
export const agent = (fields: object = {}) => ({
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
  const held = specs();
  const message = (kind: string) => ({
    kind,
    revision: `r${revision}`,
    full: true,
    upserts: Object.entries(held[kind] ?? {}).map(([name, spec]) => {
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
        for (const kind of ['ToolPolicy', 'ToolServer']) if (!context.signal.aborted) yield message(kind);
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
  // What identity says has ended, to whoever listens.
  const notices: object[] = [];
  const identity = rpcServer({
    listen,
    tls: undefined,
    log,
    callers: { 'sallyport.identity.v1.AuthenticationService': ['policy'] },
  });
  identity.add(AuthenticationService, {
    authenticate: () => Promise.reject(new GatewayError('unauthenticated', 'Nobody is known.')),
    async *watchRevocations({ after }, context) {
      let told = after ?? notices.length;
      yield { sequence: told };
      while (!context.signal.aborted) {
        for (; told < notices.length; told++) yield { tenant: 'acme', sequence: told + 1, ...notices[told] };
        yield { sequence: told };
        await pause(50);
      }
    },
  });
  await Promise.all([operator.start(), audit.start(), identity.start()]);
  /** Puts another policy in the place of one. */
  const change = (name: string, spec: object) => {
    held.ToolPolicy = { ...held.ToolPolicy, [name]: spec };
    revision++;
    for (const wake of watchers) wake();
    watchers.clear();
  };
  const removeServer = (name: string) => {
    delete held.ToolServer?.[name];
    revision++;
    for (const wake of watchers) wake();
    watchers.clear();
  };
  const end = (notice: object) => void notices.push(notice);
  return { operator, audit, identity, records, reports, change, removeServer, end };
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

/** A call that is asked about; what is not said is the same for all. */
export interface Asked {
  readonly tool?: string;
  readonly to?: string;
  readonly run?: string;
  readonly who?: object;
  readonly context?: object;
  readonly origin?: string;
  readonly useId?: string;
}

/** Two replicas of policy with what they need around them, and what tests say to them. */
export async function approvalReplicas() {
  const [suite, around, hook] = await Promise.all([serviceReplicas('policy'), surroundings(), receiver()]);
  const config = {
    peers: {
      operator: `ipv4:127.0.0.1:${around.operator.port()}`,
      audit: `ipv4:127.0.0.1:${around.audit.port()}`,
      identity: `ipv4:127.0.0.1:${around.identity.port()}`,
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
  const [one, two] = (await Promise.all([suite.replica(config), suite.replica(config)])) as [Replica, Replica];
  let number = 0;
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

  const close = async () => {
    await suite.close();
    hook.server.close();
    const { operator, audit, identity } = around;
    await Promise.all([operator, audit, identity].map((one) => one.stop(Date.now() + 1000)));
  };
  return { suite, around, hook, config, one, two, fresh, requestOf, decide, ask, say, stateOf, close };
}
