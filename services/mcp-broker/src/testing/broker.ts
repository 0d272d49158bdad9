import { create } from '@bufbuild/protobuf';
import { checkConfig } from '@sallyport/chassis/config';
import { GatewayError } from '@sallyport/chassis/errors';
import { httpServer } from '@sallyport/chassis/http/server';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { parseSpec } from '@sallyport/custom-resources';
import { accessCache } from '@sallyport/peers/access';
import { credentialLeases } from '@sallyport/peers/credentials';
import { createIngress } from '@sallyport/peers/ingress';
import { limitShares } from '@sallyport/peers/limits';
import { principalCache } from '@sallyport/peers/principals';
import type { RecordInit } from '@sallyport/peers/records';
import { watchSnapshot } from '@sallyport/peers/snapshot';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { LoopService } from '@sallyport/proto/models/v1/models_pb';
import { AccessGrant_ClientTools, AccessGrant_ToolList, AccessService } from '@sallyport/proto/policy/v1/access_pb';
import { ApprovalService } from '@sallyport/proto/policy/v1/approval_pb';
import { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { Action, DecisionService, TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { type Principal, Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { QuarantineService } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { type Observation, SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { ToolService } from '@sallyport/proto/tools/v1/tools_pb';
import { CredentialService } from '@sallyport/proto/vault/v1/vault_pb';
import { knownAgents } from '../a2a/agents.ts';
import { serveAgents } from '../a2a/front.ts';
import { createLoops } from '../a2a/loop/loops.ts';
import { followCatalog, type Server } from '../catalog/catalog.ts';
import { ownListing } from '../catalog/look-for.ts';
import { refreshCatalog, serviceOf } from '../catalog/refresh.ts';
import { reportServers } from '../catalog/report.ts';
import { followToolsets } from '../catalog/toolsets.ts';
import { configSchema } from '../config.ts';
import { keyedDigest, sha256 } from '../digests.ts';
import { createBrokerApp } from '../downstream/app.ts';
import { requestStates } from '../downstream/request-state.ts';
import { schemaChecks } from '../execute/schema-check.ts';
import { waitingCalls } from '../invoke/ask.ts';
import type { Gate } from '../invoke/gate.ts';
import { resultMemory } from '../invoke/memory.ts';
import { seenRuns } from '../invoke/seen-runs.ts';
import { brokerMetrics } from '../metrics.ts';
import { isPersonal, offeringCatalog } from '../offerings/catalog.ts';
import type { SubscriptionStore } from '../offerings/subscription-store.ts';
import { toolService } from '../server.ts';
import { createUpstream } from '../upstream/upstream.ts';
import { memoryAgentIds } from './agent-ids.ts';
import { memoryLoopTasks } from './loop-tasks.ts';
import { memoryOnceCalls } from './once-calls.ts';
import { memoryPins, type PeerState, type PrincipalParts, playedPolicy, resultsOf } from './peers.ts';
import { memorySubscriptions } from './subscription-store.ts';

/** A broker whose peers are played by a test over real sockets. */
export interface TestBroker {
  readonly url: string;
  readonly state: PeerState;
  readonly records: RecordInit[];
  readonly observations: Map<string, Observation>;
  readonly tools: Awaited<ReturnType<typeof inProcess<typeof ToolService>>>['client'];
  principal(over?: PrincipalParts): Principal;
  /** Puts ToolServers in force; resolves when each was listed or failed. */
  servers(specs: Readonly<Record<string, object>>): Promise<void>;
  /** Puts Toolsets in force. */
  toolsets(specs: Readonly<Record<string, object>>): Promise<void>;
  /** Lists all servers anew. */
  relist(): Promise<void>;
  revoke(keyId: string): void;
  close(): Promise<void>;
}

/** Keys that the played identity knows, and whose they are. */
export const KEYS = {
  alice: 'sk-alice-0123456789abcdef',
  bob: 'sk-bob-0123456789abcdefgh',
  carol: 'sk-carol-0123456789abcdef',
  dave: 'sk-dave-0123456789abcdef',
  erin: 'sk-erin-0123456789abcdef',
  rival: 'sk-rival-0123456789abcdef',
};

/** Under which the broker of the tests digests. */
export const DIGEST_SECRET = 'digest-secret-of-the-tests-0123456789';

/** Starts a broker with its own HTTP port. */
export async function startBroker(
  over: Record<string, unknown> = {},
  subscriptions: SubscriptionStore = memorySubscriptions(),
): Promise<TestBroker> {
  const log = createLogger({ service: 'test', level: 'error' });
  const metrics = createMetrics('mcp-broker', { defaults: false });
  const state: PeerState = playedState();
  const records: RecordInit[] = [];
  const observations = new Map<string, Observation>();
  const pushes = new Set<() => void>();
  const revoked: ((keyId: string) => void)[] = [];
  let revision = 0;
  let items: { tenant: string; name: string; uid: string; specJson: string }[] = [];
  let sets: typeof items = [];

  const snapshots = await inProcess(SnapshotService, {
    async *watch(request, { signal }) {
      for (let sent = -1; !signal.aborted; ) {
        if (sent !== revision) {
          sent = revision;
          for (const kind of request.kinds) {
            const of = kind === 'ToolServer' ? items : kind === 'Toolset' ? sets : [];
            const upserts = of.map((item) => wireItem(item));
            yield { kind, revision: String(sent), full: true, upserts, removals: [] };
          }
        }
        await new Promise<void>((resolve) => {
          pushes.add(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    },
    async report(request) {
      for (const one of request.observations) observations.set(one.name, one);
      return {};
    },
  });
  const identity = await inProcess(AuthenticationService, {
    async authenticate({ secret }) {
      const name = Object.entries(KEYS).find(([, key]) => key === secret)?.[0];
      if (name === undefined) throw new GatewayError('unauthenticated', 'The credential is not valid.');
      return { principal: principal(name, state.principals[name]), cacheTtlMs: 60_000 };
    },
    async *watchRevocations(_request, { signal }) {
      yield { sequence: 0 };
      const queue: string[] = [];
      let sequence = 0;
      revoked.push((keyId) => queue.push(keyId));
      while (!signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        for (const keyId of queue.splice(0)) {
          sequence += 1;
          yield { sequence, tenant: 'acme', keyId };
        }
        yield { sequence };
      }
    },
  });
  const vault = await inProcess(CredentialService, {
    async resolve(request) {
      if (state.resolve !== undefined) return state.resolve(request);
      const { ref, kind, origin } = request;
      state.leases.push({ ref: `${ref?.name}/${ref?.key}`, kind, origin });
      return { value: state.credential, reference: `${ref?.name}@1`, leaseTtlMs: 60_000 };
    },
    async *watchInvalidations(_request, { signal }) {
      while (!signal.aborted) {
        yield {};
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  });
  const policy = playedPolicy(state);
  const access = await inProcess(AccessService, {
    async resolveAccess({ principal }) {
      const clientTools = AccessGrant_ClientTools.DECIDE;
      const grant = {
        policy: 'test',
        models: [],
        tools: state.grants,
        ...state.offered,
        endpoints: ['*'],
        clientTools,
        toolList: state.searches ? AccessGrant_ToolList.SEARCH : AccessGrant_ToolList.ALL,
      };
      const reviewedServers = state.reviews[principal?.id ?? ''] ?? [];
      return { grants: [grant], reviewedServers, policyRevision: 'r1', cacheTtlMs: 0 };
    },
  });
  const decisions = await inProcess(DecisionService, policy.decisions);
  const approvals = await inProcess(ApprovalService, policy.approvals);
  const trajectories = await inProcess(TrajectoryService, policy.trajectories);
  const limits = await inProcess(LimitService, {
    async lease({ subject }) {
      if (state.lease !== undefined) return state.lease(subject);
      return { shares: state.shares, unlimited: state.shares.length === 0, limitRevision: '1' };
    },
    settle: async () => ({}),
  });
  const quarantine = await inProcess(QuarantineService, policy.quarantine);

  const config = checkConfig(configSchema, { ...plainConfig, ...over });
  const counted = brokerMetrics(metrics);
  const snapshot = watchSnapshot({
    client: snapshots.client,
    kinds: ['ToolServer', 'Toolset', 'AccessPolicy', 'Limit'],
    log,
  });
  const catalog = followCatalog(snapshot, sha256);
  const credentials = credentialLeases({ client: vault.client, log });
  const agents = knownAgents(memoryAgentIds());
  const principals = principalCache({ client: identity.client, log });
  const turns = await inProcess(LoopService, {
    run: (request, context) => state.runLoop(request, context),
  });
  const loops = createLoops({
    tasks: memoryLoopTasks(),
    client: turns.client,
    approvals: approvals.client,
    principals,
    publicUrl: 'https://gate.example',
    maxTextBytes: config.request.maxResultBytes,
    approvalWaitMs: config.approvals.wait,
    log,
  });
  const upstream = createUpstream({
    credentials,
    maxResultBytes: config.request.maxResultBytes,
    metrics: counted,
    agents,
    loops,
    log,
  });
  const runner = { upstream, metrics: counted, checks: schemaChecks() };
  const digest = keyedDigest(DIGEST_SECRET);
  const listed: (() => void)[] = [];
  const pins = memoryPins();
  const offerings = offeringCatalog({ catalog, upstream, log, listTimeoutMs: 2_000 });
  const onServer = (server: Server) => {
    offerings.refresh(server);
    if (!isPersonal(server)) upstream.watch(server, serviceOf(server.tenant), () => refresher.soon(server.uid));
  };
  const newRefresher = (): ReturnType<typeof refreshCatalog> =>
    refreshCatalog({
      catalog,
      upstream,
      pins,
      sha256,
      metrics: counted,
      log,
      intervalMs: 600_000,
      listTimeoutMs: 2_000,
      onServer,
      onListed: () => {
        reporter.soon();
        for (const tell of listed) tell();
      },
    });
  let refresher = newRefresher();
  const toolsets = followToolsets(snapshot, catalog);
  const reporter = reportServers({
    recorder: { append: () => undefined },
    toolsets,
    client: snapshots.client,
    catalog,
    metrics: counted,
    attempt: (uid) => refresher.attempt(uid),
    reporter: 'test',
    intervalMs: 50,
    log,
  });
  const accesses = accessCache({ client: access.client, snapshot });
  const onFirst = (uid: string) => refresher.soon(uid);
  const { look: listFor } = ownListing({ catalog, upstream, pins, sha256, log, onFirst });
  const shares = limitShares({ client: limits.client, snapshot, log, replica: 'test' });
  const gate: Gate = {
    config,
    log,
    metrics: counted,
    snapshot,
    catalog,
    access: accesses,
    runner,
    once: { calls: memoryOnceCalls(), log },
    listFor,
    toolsets,
    offerings,
    subscriptions,
    digest,
    ending: [],
    waiting: waitingCalls(config.approvals),
    states: requestStates(DIGEST_SECRET, digest, config.approvals.stateTtl),
    clients: {
      decisions: decisions.client,
      trajectories: trajectories.client,
      quarantine: quarantine.client,
      approvals: approvals.client,
    },
    runs: seenRuns(),
    memory: resultMemory(trajectories.client, digest, log),
    recorder: {
      append: (record) => void records.push(record),
      async commit(list) {
        if (state.auditAway) throw new GatewayError('audit_unavailable', 'The intent could not be recorded.');
        records.push(...list);
      },
    },
    ingress: createIngress({ trustedProxies: [], forwardedHeader: 'x-forwarded-for' }, { log, metrics }),
    principals,
    limits: shares,
  };
  gate.principals.start();
  credentials.start();
  refresher.start?.();
  reporter.start?.();
  await snapshot.start();
  const service = await inProcess(
    ToolService,
    toolService({
      catalog,
      access: accesses,
      runner,
      revision: () => snapshot.revision('ToolServer'),
      tried: (uids, signal) => refresher.tried(uids, signal),
      listFor,
      toolsets,
      limits: shares,
    }),
    { caller: 'model-proxy' },
  );
  const app = createBrokerApp(gate, metrics);
  serveAgents(app, { ...gate, agents });
  const server = httpServer({ listen: { host: '127.0.0.1', port: 0 }, app, log });
  await server.start();
  await untilTrue(() => snapshot.seen());

  const settledAll = () => untilTrue(() => items.every(({ uid }) => refresher.attempt(uid) !== undefined));
  const relist = async () => {
    await refresher.stop();
    refresher = newRefresher();
    refresher.start?.();
    await settledAll();
  };
  return {
    url: `http://127.0.0.1:${server.port()}`,
    state,
    records,
    observations,
    tools: service.client,
    principal: (more) => principal('alice', more),
    async servers(specs) {
      items = Object.entries(specs).map(([key, spec]) => {
        const [tenant = '', name = ''] = key.includes('/') ? key.split('/') : ['acme', key];
        return { tenant, name, uid: `uid-${tenant}-${name}`, specJson: JSON.stringify({ ...plainSpec, ...spec }) };
      });
      revision++;
      for (const push of pushes) push();
      pushes.clear();
      await untilTrue(
        () =>
          [...catalog.servers()]
            .map((one) => one.uid)
            .sort()
            .join() ===
          items
            .map((one) => one.uid)
            .sort()
            .join(),
      );
      await untilTrue(() =>
        [...catalog.servers()].every(
          (one) => JSON.stringify(one.spec) === items.find(({ uid }) => uid === one.uid)?.specJson,
        ),
      );
      await relist();
    },
    async toolsets(specs) {
      sets = Object.entries(specs).map(([key, written]) => {
        const [tenant = '', name = ''] = key.includes('/') ? key.split('/') : ['acme', key];
        const spec = parseSpec('Toolset', written, name);
        if (!spec.ok) throw new TypeError(JSON.stringify(spec.faults));
        return { tenant, name, uid: `set-${tenant}-${name}`, specJson: JSON.stringify(spec.value) };
      });
      revision++;
      for (const push of pushes) push();
      pushes.clear();
      const wanted = JSON.stringify(sets.map(({ specJson }) => specJson).sort());
      await untilTrue(
        () =>
          JSON.stringify(
            snapshot
              .items('Toolset')
              .map(({ spec }) => JSON.stringify(spec))
              .sort(),
          ) === wanted,
      );
    },
    relist,
    revoke: (keyId) => {
      for (const tell of revoked) tell(keyId);
    },
    async close() {
      for (const end of gate.ending) await end();
      await server.stop(Date.now() + 500);
      await refresher.stop();
      await offerings.stop();
      await reporter.stop();
      await upstream.stop();
      await loops.stop?.(0);
      await Promise.all([snapshot.stop(), gate.principals.stop(), credentials.stop()]);
      const all = [
        snapshots,
        identity,
        vault,
        access,
        decisions,
        approvals,
        trajectories,
        limits,
        quarantine,
        service,
        turns,
      ];
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

/** Waits until something holds, at most five seconds. */
export async function untilTrue(holds: () => boolean): Promise<void> {
  const end = Date.now() + 5_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within five seconds: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const listen = { host: '127.0.0.1', port: 0 };
const target = 'dns:///127.0.0.1:9';
const plainConfig = {
  admin: listen,
  http: listen,
  grpc: listen,
  insecure: true,
  postgres: { host: 'unused', user: 'unused' },
  peers: { operator: target, identity: target, vault: target, policy: target, audit: target, quarantine: target },
  spoolDir: '/unused',
  digestKeyFile: '/unused',
};
const plainSpec = { allowPrivateNetwork: true, timeoutSeconds: 2, defaultClass: 'Read', tools: [] };

/** Peers that allow everything and know nobody's runs. */
export function playedState(): PeerState {
  return {
    grants: ['*/*'],
    reviews: {},
    searches: false,
    offered: { resources: ['*/*'], prompts: ['*/*'] },
    principals: {},
    credential: 'upstream-secret-canary-0123456789',
    leases: [],
    shares: [],
    auditAway: false,
    decideCall: () => ({ verdict: Action.ALLOW }),
    decideResult: () => resultsOf(Action.ALLOW, false),
    decided: [],
    runs: new Map(),
    remembered: [],
    handles: new Map(),
    approvals: new Map(),
    awaited: new Set(),
    extracted: [],
    // biome-ignore lint/correctness/useYield: there is nothing to say
    async *runLoop() {
      throw new GatewayError('unavailable', 'No turn was played.');
    },
  };
}

function principal(name: string, over: PrincipalParts = {}): Principal {
  const tenant = name === 'rival' ? 'rival' : 'acme';
  return create(PrincipalSchema, {
    tenant,
    kind: Principal_Kind.KEY,
    id: `key:${name}`,
    name,
    keyId: name,
    user: `${name}@acme.example`,
    revision: '1',
    ...over,
  });
}

function wireItem(item: { tenant: string; name: string; uid: string; specJson: string }) {
  return { ...item, contentHash: sha256(item.specJson), createdAtMs: 1, generation: 1 };
}
