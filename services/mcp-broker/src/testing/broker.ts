import { checkConfig } from '@sallyport/chassis/config';
import { GatewayError } from '@sallyport/chassis/errors';
import { httpServer } from '@sallyport/chassis/http/server';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { accessCache } from '@sallyport/peers/access';
import { credentialLeases } from '@sallyport/peers/credentials';
import { createIngress } from '@sallyport/peers/ingress';
import { limitShares } from '@sallyport/peers/limits';
import { principalCache } from '@sallyport/peers/principals';
import type { RecordInit } from '@sallyport/peers/records';
import { watchSnapshot } from '@sallyport/peers/snapshot';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Observation } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { ToolService } from '@sallyport/proto/tools/v1/tools_pb';
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
import { createSampler } from '../sampling/sample.ts';
import { toolService } from '../server.ts';
import { createUpstream } from '../upstream/upstream.ts';
import { memoryAgentIds } from './agent-ids.ts';
import { memoryLoopTasks } from './loop-tasks.ts';
import { memoryOnceCalls } from './once-calls.ts';
import { memoryPins, type PeerState, type PrincipalParts } from './peers.ts';
import { playIdentity, playVault, principal } from './played-identity.ts';
import { playedState, playServices } from './played-services.ts';
import { type PlayedItem, playSnapshots } from './played-snapshot.ts';
import { memorySubscriptions } from './subscription-store.ts';

export { KEYS } from './played-identity.ts';
export { playedState } from './played-services.ts';

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

  const snapshots = await playSnapshots();
  const { observations } = snapshots;
  const identity = await playIdentity(state);
  const vault = await playVault(state);
  const services = await playServices(state);

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
  const loops = createLoops({
    tasks: memoryLoopTasks(),
    client: services.turns,
    approvals: services.approvals,
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
  const offerings = offeringCatalog({ catalog, upstream, pins, log, listTimeoutMs: 2_000 });
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
    review: (server) => offerings.review(server),
    reporter: 'test',
    intervalMs: 50,
    log,
  });
  const accesses = accessCache({ client: services.access, snapshot });
  const onFirst = (uid: string) => refresher.soon(uid);
  const { look: listFor } = ownListing({ catalog, upstream, pins, sha256, log, onFirst });
  const shares = limitShares({ client: services.limits, snapshot, log, replica: 'test' });
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
      decisions: services.decisions,
      trajectories: services.trajectories,
      quarantine: services.quarantine,
      approvals: services.approvals,
    },
    sampler: createSampler(services.completions),
    runs: seenRuns(),
    memory: resultMemory(services.trajectories, digest, log),
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

  let items: readonly PlayedItem[] = [];
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
      items = snapshots.servers(specs);
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
      const sets = snapshots.toolsets(specs);
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
    revoke: identity.revoke,
    async close() {
      for (const end of gate.ending) await end();
      await server.stop(Date.now() + 500);
      await refresher.stop();
      await offerings.stop();
      await reporter.stop();
      await upstream.stop();
      await loops.stop?.(0);
      await Promise.all([snapshot.stop(), gate.principals.stop(), credentials.stop()]);
      await Promise.all([snapshots, identity, vault, services, service].map((one) => one.close()));
    },
  };
}

/** Waits until something holds, at most fifteen seconds. */
export async function untilTrue(holds: () => boolean): Promise<void> {
  const end = Date.now() + 15_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within fifteen seconds: ${holds}`);
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
