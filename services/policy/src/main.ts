import { hostname } from 'node:os';
import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, tlsOf } from '@sallyport/chassis/config';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { postgres } from '@sallyport/chassis/postgres';
import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { sweeping } from '@sallyport/chassis/sweeping';
import { startTracing, traceFields } from '@sallyport/chassis/tracing';
import { AccessService } from '@sallyport/proto/policy/v1/access_pb';
import { ApprovalService } from '@sallyport/proto/policy/v1/approval_pb';
import { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { DecisionService, TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { openApprovals } from './approvals/open.ts';
import { approvalService } from './approvals/service.ts';
import { SCHEMA_VERSION as APPROVALS_SCHEMA } from './approvals/store.ts';
import { createClients } from './clients.ts';
import { configSchema } from './config.ts';
import { openLimits } from './limits/open.ts';
import { limitService } from './limits/service.ts';
import { policyMetrics } from './metrics.ts';
import { createCounting } from './observed/counting.ts';
import { createObservedStore } from './observed/store.ts';
import { accessService, CALLERS, decisionService, settingOf } from './server.ts';
import { watchSnapshots } from './snapshot/watch.ts';
import { createKept } from './trajectories/kept.ts';
import { createKnownRuns } from './trajectories/known-runs.ts';
import { trajectoryService } from './trajectories/service.ts';
import { rememberShown } from './trajectories/showing.ts';
import { createTrajectoryStore, SCHEMA_VERSION } from './trajectories/store.ts';
import { createWritten } from './untrusted/written.ts';

const SERVICE = 'policy';

run({
  name: SERVICE,
  async start(life) {
    const config = loadConfig(configSchema);
    const log = createLogger({ service: SERVICE, level: config.log.level, context: traceFields });
    life.configure({ log, drain: config.drain });
    const tls = tlsOf(config);
    const metrics = createMetrics(SERVICE);
    const counted = policyMetrics(metrics);
    await life.use(await startTracing(config.tracing, SERVICE, log));
    await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build: { service: SERVICE } }));

    const database = await life.use(postgres(config.postgres, { service: SERVICE, log, metrics }));
    life.readiness.add('postgres', () => database.schemaReady(Math.max(SCHEMA_VERSION, APPROVALS_SCHEMA)));
    const runs = createKnownRuns();
    const trajectories = createTrajectoryStore(database, { runs, valueTtlMs: config.untrusted.valueTtl });
    await life.use(sweeping('runs', trajectories, config.trajectories.sweepInterval, log));

    const clients = createClients({ peers: config.peers, tls, log, metrics });
    for (const channel of clients.channels) await life.use(channel);
    const snapshots = await life.use(
      watchSnapshots({
        client: clients.snapshots,
        log,
        cacheFile: config.snapshotCacheFile,
        onSnapshot: counted.compiled,
      }),
    );
    life.readiness.add('snapshot', () => snapshots.current() !== undefined || 'no policy is known yet');

    const limits = await openLimits(life, config, log);

    const posture = config.enforce ? 'enforce' : 'observe';
    const setting = () => settingOf({ snapshot: snapshots.current, posture });
    const approvals = await openApprovals(life, {
      config,
      database,
      records: clients.records,
      authentication: clients.authentication,
      setting,
      kept: createKept(database, runs),
      log,
    });
    const written = createWritten(approvals.untrusted, approvals.digests);
    const counting = await life.use(
      createCounting({
        store: createObservedStore(database),
        client: clients.snapshots,
        snapshot: snapshots.current,
        reporter: hostname(),
        intervalMs: config.observedInterval,
        log,
      }),
    );
    const decisions = {
      snapshot: snapshots.current,
      posture,
      deciding: approvals.deciding,
      written,
      rememberShown: rememberShown({ store: trajectories, ttlMs: config.trajectories.ttl, log }),
      onObserved: counting.count,
      accessCacheTtlMs: config.accessCacheTtl,
      metrics: counted,
    } as const;
    const limitOptions = {
      snapshot: snapshots.current,
      store: limits,
      stepsTaken: trajectories.steps,
      leaseTtlMs: config.limits.leaseTtl,
      concurrencyTtlMs: config.limits.concurrencyTtl,
      trajectoryTtlMs: config.limits.trajectoryTtl,
      metrics: counted,
      log,
    };
    await life.use(
      rpcServer({ listen: config.grpc, tls, log, metrics, callers: CALLERS })
        .add(AccessService, accessService(decisions))
        .add(DecisionService, decisionService(decisions))
        .add(ApprovalService, approvalService(approvals))
        .add(
          TrajectoryService,
          trajectoryService({ store: trajectories, ttlMs: config.trajectories.ttl, log, written }),
        )
        .add(LimitService, limitService(limitOptions)),
    );
    log.info('deciding', { posture });
  },
});
