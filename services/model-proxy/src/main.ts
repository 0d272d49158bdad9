import { hash } from 'node:crypto';
import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, podFacts, readSecretFile, tlsOf } from '@sallyport/chassis/config';
import { httpServer } from '@sallyport/chassis/http/server';
import { keyedDigest } from '@sallyport/chassis/keyed-digest';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { openSpool } from '@sallyport/chassis/spool';
import { startTracing } from '@sallyport/chassis/tracing';
import { accessCache } from '@sallyport/peers/access';
import { credentialLeases } from '@sallyport/peers/credentials';
import { createIngress } from '@sallyport/peers/ingress';
import { limitShares } from '@sallyport/peers/limits';
import { principalCache } from '@sallyport/peers/principals';
import { recorder } from '@sallyport/peers/records';
import { watchSnapshot } from '@sallyport/peers/snapshot';
import { CompletionService, LoopService } from '@sallyport/proto/models/v1/models_pb';
import { openAnswerCache } from './cache/open.ts';
import { followCatalog } from './catalog.ts';
import { connect } from './clients.ts';
import { completionService } from './completion.ts';
import { configSchema } from './config.ts';
import { createModelApp } from './http/app.ts';
import { LOOP_CALLERS, loopService } from './loop/loop-service.ts';
import { proxyMetrics } from './metrics.ts';
import { probeProviders } from './probe.ts';
import { openStores } from './responses/open.ts';
import { openSharedBreakers } from './routing/shared-breakers.ts';
import { RoutingState } from './routing/state.ts';
import type { Gate } from './turn/gate.ts';
import { trajectoryMemory } from './turn/memory.ts';
import { createUpstream } from './upstream/upstream.ts';

const SELF = 'model-proxy';
/** Kinds whose content is used, and kinds whose change empties a cache. */
const KINDS = ['Model', 'ModelProvider', 'AccessPolicy', 'Limit'];

run({
  name: SELF,
  async start(life) {
    const config = loadConfig(configSchema);
    const log = createLogger({ service: SELF, level: config.log.level });
    life.configure({ log, drain: config.drain });
    const metrics = createMetrics(SELF);
    await life.use(await startTracing(config.tracing, SELF, log));
    await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build: { service: SELF } }));

    const tls = tlsOf(config);
    const { clients, component } = connect(config, { tls, self: SELF, log, metrics });
    await life.use(component);
    const snapshot = watchSnapshot({
      client: clients.snapshot,
      kinds: KINDS,
      log,
      ...(config.snapshotCacheFile ? { cacheFile: config.snapshotCacheFile } : {}),
    });
    const catalog = followCatalog(snapshot);
    const access = accessCache({ client: clients.access, snapshot });
    await life.use(snapshot);
    life.readiness.add('snapshot', () => snapshot.seen() || 'no snapshot was received yet');

    const replica = podFacts().pod;
    const spool = await openSpool({ dir: config.spoolDir, maxBytes: config.spoolMaxBytes, fsync: true });
    const secret = readSecretFile(config.digestKeyFile);
    const digest = keyedDigest(secret);
    const routing = new RoutingState();
    await openSharedBreakers(life, config, { routing, log });
    const own = proxyMetrics(metrics, routing);
    const records = await life.use(recorder({ client: clients.records, spool, log, metrics }));
    const upstream = await life.use(createUpstream());
    snapshot.onChange((kind) => {
      if (kind === 'ModelProvider') upstream.keepOnly(catalog.providers());
    });
    const gate: Gate = {
      config,
      log,
      metrics: own,
      snapshot,
      catalog,
      access,
      recorder: records,
      ingress: createIngress(config, { log, metrics }),
      principals: await life.use(principalCache({ client: clients.authentication, log })),
      credentials: await life.use(credentialLeases({ client: clients.credentials, log })),
      limits: await life.use(limitShares({ client: clients.limits, snapshot, log, replica })),
      memory: await life.use(
        trajectoryMemory({ client: clients.trajectories, log, recorder: records, lost: own.lostReleases }),
      ),
      ...(await openStores(life, config, { service: SELF, log, metrics })),
      cache: await openAnswerCache(life, config, { secret, log, away: own.cacheAway }),
      upstream,
      routing,
      clients,
      digest: (key, text) => digest(`${key}\n${text}`),
      sha256: (text) => hash('sha256', text, 'hex'),
    };
    await life.use(probeProviders(gate, clients.snapshot, replica));
    await life.use(
      rpcServer({
        listen: config.grpc,
        tls,
        log,
        metrics,
        callers: { 'sallyport.models.v1.CompletionService': ['quarantine', 'mcp-broker'], ...LOOP_CALLERS },
      })
        .add(CompletionService, completionService(gate))
        .add(LoopService, loopService(gate)),
    );
    const app = createModelApp(gate, metrics);
    await life.use(httpServer({ listen: config.http, app, log }));
    if (config.edge !== undefined) await life.use(httpServer({ ...config.edge, app, log }));
  },
});
