import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, tlsOf } from '@sallyport/chassis/config';
import { readKeyFile } from '@sallyport/chassis/key-file';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { postgres } from '@sallyport/chassis/postgres';
import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { sealer } from '@sallyport/chassis/seal';
import { sweeping } from '@sallyport/chassis/sweeping';
import { startTracing, traceFields } from '@sallyport/chassis/tracing';
import { QuarantineService } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { createClients } from './clients.ts';
import { configSchema } from './config.ts';
import { createExtract } from './extract.ts';
import { createFingerprints } from './fingerprint.ts';
import { quarantineMetrics } from './metrics.ts';
import { createReadContent } from './reading.ts';
import { createReadings } from './readings.ts';
import { CALLERS, quarantineService } from './server.ts';
import { createExtractionStore, SCHEMA_VERSION } from './store.ts';

const SERVICE = 'quarantine';

run({
  name: SERVICE,
  async start(life) {
    const config = loadConfig(configSchema);
    const log = createLogger({ service: SERVICE, level: config.log.level, context: traceFields });
    life.configure({ log, drain: config.drain });
    const tls = tlsOf(config);
    const metrics = createMetrics(SERVICE);
    await life.use(await startTracing(config.tracing, SERVICE, log));
    await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build: { service: SERVICE } }));

    const database = await life.use(postgres(config.postgres, { service: SERVICE, log, metrics }));
    life.readiness.add('postgres', () => database.schemaReady(SCHEMA_VERSION));
    const keys = readKeyFile(config.sealKeysFile);
    const store = createExtractionStore(database, sealer(keys));
    await life.use(sweeping('extractions', store, config.sweepInterval, log));

    const clients = createClients({ peers: config.peers, tls, log, metrics });
    await life.use(clients.channel);
    const { limits, ttl: ttlMs } = config;
    const counted = quarantineMetrics(metrics);
    const fingerprints = createFingerprints(keys);
    const read = createReadContent({ limits, metrics: counted, log });
    const readings = createReadings({ store, fingerprints, read, ttlMs });
    const extract = createExtract({ store, fingerprints, readings, limits, ttlMs, metrics: counted, log });
    const { completions } = clients;
    await life.use(
      rpcServer({ listen: config.grpc, tls, log, metrics, callers: CALLERS }).add(
        QuarantineService,
        quarantineService({ extract, store, completions, modelTimeoutMs: config.modelTimeout }),
      ),
    );
  },
});
