import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, tlsOf } from '@sallyport/chassis/config';
import { readKeyFile } from '@sallyport/chassis/key-file';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { postgres } from '@sallyport/chassis/postgres';
import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { sequenceFeed } from '@sallyport/chassis/sequence-feed';
import { startTracing, traceFields } from '@sallyport/chassis/tracing';
import { CredentialService, SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import { configSchema } from './config.ts';
import { createCustody } from './custody.ts';
import { createEnvelope } from './envelope.ts';
import { createLeaseCounts } from './lease-counts.ts';
import { createLeasing } from './leasing.ts';
import { vaultMetrics } from './metrics.ts';
import { CALLERS, credentialService, secretService } from './server.ts';
import { createVaultStore, SCHEMA_VERSION } from './store.ts';
import { upkeep } from './upkeep.ts';

const SERVICE = 'vault';

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
    const store = createVaultStore(database);
    const envelope = createEnvelope(readKeyFile(config.masterKeysFile));

    const feed = await life.use(
      sequenceFeed({
        name: 'invalidations',
        log,
        read: (sequence, limit) => store.invalidationsAfter(sequence, limit),
      }),
    );
    const counts = await life.use(createLeaseCounts({ store, log, intervalMs: config.leaseCountInterval }));
    await life.use(upkeep({ store, envelope, log, intervalMs: config.upkeepInterval }));

    const counted = vaultMetrics(metrics);
    const custody = createCustody({ store, envelope, onNotice: () => feed.poke() });
    const lease = createLeasing({ store, envelope, leaseTtlMs: config.leaseTtl, log, onLease: counts.add });

    await life.use(
      rpcServer({ listen: config.grpc, tls, log, metrics, callers: CALLERS })
        .add(CredentialService, credentialService(lease, feed, counted))
        .add(SecretService, secretService(custody, counted)),
    );
  },
});
