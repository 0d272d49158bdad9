import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, podFacts, readSecretFile, tlsOf } from '@sallyport/chassis/config';
import { httpServer } from '@sallyport/chassis/http/server';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { postgres } from '@sallyport/chassis/postgres';
import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { openSpool } from '@sallyport/chassis/spool';
import { sweeping } from '@sallyport/chassis/sweeping';
import { startTracing, traceFields } from '@sallyport/chassis/tracing';
import { accessCache } from '@sallyport/peers/access';
import { credentialLeases } from '@sallyport/peers/credentials';
import { createIngress } from '@sallyport/peers/ingress';
import { limitShares } from '@sallyport/peers/limits';
import { principalCache } from '@sallyport/peers/principals';
import { recorder } from '@sallyport/peers/records';
import { watchSnapshot } from '@sallyport/peers/snapshot';
import { ToolService } from '@sallyport/proto/tools/v1/tools_pb';
import { createAgentIds } from './a2a/agent-ids.ts';
import { knownAgents } from './a2a/agents.ts';
import { serveAgents } from './a2a/front.ts';
import { createLoopTasks } from './a2a/loop/loop-tasks.ts';
import { createLoops } from './a2a/loop/loops.ts';
import { followCatalog, type Server } from './catalog/catalog.ts';
import { ownListing } from './catalog/look-for.ts';
import { refreshCatalog, serviceOf } from './catalog/refresh.ts';
import { reportServers } from './catalog/report.ts';
import { followToolsets } from './catalog/toolsets.ts';
import { connect } from './clients.ts';
import { configSchema } from './config.ts';
import { keyedDigest, sha256 } from './digests.ts';
import { createBrokerApp } from './downstream/app.ts';
import { requestStates } from './downstream/request-state.ts';
import { createOnceCalls } from './execute/once-calls.ts';
import { schemaChecks } from './execute/schema-check.ts';
import { waitingCalls } from './invoke/ask.ts';
import type { Gate } from './invoke/gate.ts';
import { resultMemory } from './invoke/memory.ts';
import { seenRuns } from './invoke/seen-runs.ts';
import { brokerMetrics } from './metrics.ts';
import { isPersonal, offeringCatalog } from './offerings/catalog.ts';
import { createSubscriptionStore } from './offerings/subscription-store.ts';
import { createSampler } from './sampling/sample.ts';
import { CALLERS, toolService } from './server.ts';
import { createPinStore, SCHEMA_VERSION } from './store.ts';
import { hostedLine } from './upstream/hosted.ts';
import { createUpstream } from './upstream/upstream.ts';

const SELF = 'mcp-broker';
/** Kinds whose content is used, and kinds whose change empties a cache. */
const KINDS = ['ToolServer', 'Toolset', 'AccessPolicy', 'Limit'];

run({
  name: SELF,
  async start(life) {
    const config = loadConfig(configSchema);
    const log = createLogger({ service: SELF, level: config.log.level, context: traceFields });
    life.configure({ log, drain: config.drain });
    const metrics = createMetrics(SELF);
    const counted = brokerMetrics(metrics);
    await life.use(await startTracing(config.tracing, SELF, log));
    await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build: { service: SELF } }));

    const database = await life.use(postgres(config.postgres, { service: SELF, log, metrics }));
    life.readiness.add('postgres', () => database.schemaReady(SCHEMA_VERSION));

    const tls = tlsOf(config);
    const { clients, component } = connect(config, { tls, self: SELF, log, metrics });
    await life.use(component);
    const { snapshotCacheFile: cacheFile } = config;
    const snapshot = watchSnapshot({
      client: clients.snapshot,
      kinds: KINDS,
      log,
      ...(cacheFile ? { cacheFile } : {}),
    });
    const access = accessCache({ client: clients.access, snapshot });
    const catalog = followCatalog(snapshot, sha256);
    life.readiness.add('snapshot', () => snapshot.seen() || 'no snapshot was received yet');

    const replica = podFacts().pod;
    let relist: (uid: string, user: string) => void = () => undefined;
    const onResource = (_kind: string, uid: string, user: string) => relist(uid, user);
    const credentials = await life.use(credentialLeases({ client: clients.credentials, log, onResource }));
    const { maxResultBytes } = config.request;
    const { taskTtl, sweepInterval } = config.agents;
    const agents = knownAgents(createAgentIds(database, taskTtl));
    await life.use(sweeping('tasks of agents', agents.ids, sweepInterval, log));
    const once = { calls: createOnceCalls(database, readSecretFile(config.digestKeyFile)), log };
    await life.use(sweeping('keys of calls', once.calls, sweepInterval, log));
    const subscriptions = createSubscriptionStore(database);
    await life.use(sweeping('subscriptions of sessions', subscriptions, sweepInterval, log));
    const hosted = config.hosted && hostedLine(config.hosted.url, tls);
    const principals = await life.use(principalCache({ client: clients.authentication, log }));
    const loops =
      clients.loops &&
      createLoops({
        tasks: createLoopTasks(database, readSecretFile(config.digestKeyFile), taskTtl),
        client: clients.loops,
        approvals: clients.approvals,
        principals,
        publicUrl: config.publicUrl,
        maxTextBytes: maxResultBytes,
        approvalWaitMs: config.approvals.wait,
        log,
      });
    if (loops !== undefined) {
      await life.use(loops);
      await life.use(sweeping('tasks of turn loops', loops.tasks, sweepInterval, log));
    }
    const upstream = await life.use(
      createUpstream({ credentials, maxResultBytes, hosted, metrics: counted, agents, loops, log }),
    );
    const pins = createPinStore(database);
    const spool = await openSpool({ dir: config.spoolDir, maxBytes: config.spoolMaxBytes, fsync: true, log });
    const records = await life.use(recorder({ client: clients.records, spool, log, metrics }));
    const toolsets = followToolsets(snapshot, catalog);
    const reporter = reportServers({
      recorder: records,
      toolsets,
      client: clients.snapshot,
      catalog,
      metrics: counted,
      attempt: (uid) => refresher.attempt(uid),
      review: (server) => offerings.review(server),
      reporter: `${SELF}/${replica}`,
      intervalMs: config.catalog.reportInterval,
      log,
    });
    const { listTimeout: listTimeoutMs } = config.catalog;
    const offerings = offeringCatalog({ catalog, upstream, pins, log, listTimeoutMs });
    await life.use({ name: 'offerings', stop: offerings.stop });
    const onServer = (server: Server) => {
      offerings.refresh(server);
      if (!isPersonal(server)) upstream.watch(server, serviceOf(server.tenant), () => refresher.soon(server.uid));
    };
    const refresher = refreshCatalog({
      catalog,
      upstream,
      pins,
      sha256,
      metrics: counted,
      log,
      intervalMs: config.catalog.refreshInterval,
      listTimeoutMs: config.catalog.listTimeout,
      onListed: reporter.soon,
      onServer,
    });
    const onFirst = (uid: string) => refresher.soon(uid);
    const own = ownListing({ catalog, upstream, pins, sha256, log, onFirst });
    relist = (uid, user) => {
      own.changed(uid, user);
      upstream.renew(uid, user);
      refresher.soon(uid);
    };
    await life.use(refresher);
    await life.use(reporter);
    await life.use(snapshot);

    const limits = await life.use(limitShares({ client: clients.limits, snapshot, log, replica }));
    const runner = { upstream, metrics: counted, checks: schemaChecks() };
    await life.use(
      rpcServer({ listen: config.grpc, tls, log, metrics, callers: CALLERS }).add(
        ToolService,
        toolService({
          catalog,
          access,
          runner,
          revision: () => snapshot.revision('ToolServer'),
          tried: (uids, signal) => refresher.tried(uids, signal),
          listFor: own.look,
          toolsets,
          limits,
        }),
      ),
    );

    const secret = readSecretFile(config.digestKeyFile);
    const digest = keyedDigest(secret);
    const gate: Gate = {
      config,
      log,
      metrics: counted,
      snapshot,
      catalog,
      access,
      runner,
      once,
      toolsets,
      offerings,
      subscriptions,
      listFor: own.look,
      clients,
      digest,
      ending: [],
      waiting: waitingCalls(config.approvals),
      states: requestStates(secret, digest, config.approvals.stateTtl),
      sampler: clients.completions && createSampler(clients.completions),
      runs: seenRuns(),
      memory: resultMemory(clients.trajectories, digest, log),
      recorder: records,
      ingress: createIngress(config, { log, metrics }),
      principals,
      limits,
    };
    hosted?.followRevocations(gate.principals, log);
    const app = createBrokerApp(gate, metrics);
    serveAgents(app, { ...gate, agents });
    await life.use(httpServer({ listen: config.http, app, log }));
    if (config.edge !== undefined) await life.use(httpServer({ ...config.edge, app, log }));
    await life.use({ name: 'streams', stop: () => Promise.all(gate.ending.map((end) => end())).then(() => undefined) });
  },
});
