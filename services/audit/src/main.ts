import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, tlsOf } from '@sallyport/chassis/config';
import { readKeyFile } from '@sallyport/chassis/key-file';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { postgres } from '@sallyport/chassis/postgres';
import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { startTracing, traceFields } from '@sallyport/chassis/tracing';
import { QueryService, RecordService, TurnService } from '@sallyport/proto/audit/v1/audit_pb';
import { configSchema } from './config.ts';
import { createInputsSeal } from './inputs-seal.ts';
import { createIntake } from './intake.ts';
import { auditMetrics } from './metrics.ts';
import { CALLERS, queryService, recordService, turnService } from './server.ts';
import { createRecordStore, SCHEMA_VERSION } from './store.ts';
import { usageOf } from './usage.ts';

const SERVICE = 'audit';

run({
  name: SERVICE,
  async start(life) {
    const config = loadConfig(configSchema);
    const log = createLogger({ service: SERVICE, level: config.log.level, context: traceFields });
    life.configure({ log, drain: config.drain });
    const metrics = createMetrics(SERVICE);
    const counted = auditMetrics(metrics);
    await life.use(await startTracing(config.tracing, SERVICE, log));
    await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build: { service: SERVICE } }));

    const database = await life.use(postgres(config.postgres, { service: SERVICE, log, metrics }));
    life.readiness.add('postgres', () => database.schemaReady(SCHEMA_VERSION));
    const store = createRecordStore(database);
    const seal = createInputsSeal(readKeyFile(config.sealKeysFile));
    const intake = createIntake({
      insert: (rows) => store.insert(rows),
      seal: seal.seal,
      maxWaiting: config.maxWaiting,
      log,
      onCommit: counted.committed,
      onRefused: counted.refused,
    });
    await life.use({ name: 'intake', stop: () => intake.drain() });

    const queries = queryService({
      store,
      usage: (question) => usageOf(database, question),
      seal,
      unknownAfterMs: config.unknownAfter,
    });
    await life.use(
      rpcServer({ listen: config.grpc, tls: tlsOf(config), log, metrics, callers: CALLERS })
        .add(RecordService, recordService(intake))
        .add(QueryService, queries)
        .add(TurnService, turnService(store)),
    );
  },
});
