import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, podFacts, tlsOf } from '@sallyport/chassis/config';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { postgres } from '@sallyport/chassis/postgres';
import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { sequenceFeed } from '@sallyport/chassis/sequence-feed';
import { startTracing, traceFields } from '@sallyport/chassis/tracing';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { GrantService } from '@sallyport/proto/vault/v1/grants_pb';
import { OwnedCredentialService } from '@sallyport/proto/vault/v1/owned_pb';
import { SignInService } from '@sallyport/proto/vault/v1/sign_ins_pb';
import { CredentialService, SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import { accessLog } from './access-log.ts';
import { connect } from './clients.ts';
import { configSchema } from './config.ts';
import { createCustody } from './custody.ts';
import { openDelegation } from './delegation/open.ts';
import { createEnvelope } from './envelope.ts';
import { createForgetting } from './forgetting.ts';
import { configuredMasters } from './keys.ts';
import { createLeaseCounts } from './lease-counts.ts';
import { createLeasing, secretValue } from './leasing.ts';
import { createMastersStore } from './masters-store.ts';
import { vaultMetrics } from './metrics.ts';
import { grantService } from './oauth/grant-server.ts';
import { oauthHttp } from './oauth/http.ts';
import { createOAuth } from './oauth/oauth.ts';
import { createOAuthStore } from './oauth/oauth-store.ts';
import { outboxSender } from './outbox.ts';
import { createOwnedCredentials } from './owned.ts';
import { ownedCredentialService } from './owned-server.ts';
import { rotation } from './rotation.ts';
import { CALLERS, credentialService, secretService } from './server.ts';
import { createVaultStore, SCHEMA_VERSION } from './store.ts';
import { tokensByType } from './token-types.ts';
import { upkeep } from './upkeep.ts';
import type { GrantRecord } from './vault-store.ts';
import { createWorkloadTokens } from './workload/workload.ts';

const SERVICE = 'vault';

run({
  name: SERVICE,
  async start(life) {
    const config = loadConfig(configSchema);
    const log = createLogger({ service: SERVICE, level: config.log.level, context: traceFields });
    life.configure({ log, drain: config.drain });
    const tls = tlsOf(config);
    const metrics = createMetrics(SERVICE);
    const counted = vaultMetrics(metrics);
    await life.use(await startTracing(config.tracing, SERVICE, log));
    await life.use(adminServer({ ...config.admin, metrics, readiness: life.readiness, build: { service: SERVICE } }));

    const database = await life.use(postgres(config.postgres, { service: SERVICE, log, metrics }));
    life.readiness.add('postgres', () => database.schemaReady(SCHEMA_VERSION));
    const store = createVaultStore(database);
    const { clients, component } = connect(config, { tls, self: SERVICE, log, metrics });
    await life.use(component);
    const records = await life.use(
      outboxSender({ postgres: database, records: clients.records, log, retryMs: config.recordInterval }),
    );

    const keys = configuredMasters(config);
    await life.use(keys.component);
    const envelope = createEnvelope(keys.masters);
    const rotating = await life.use(
      rotation({
        masters: keys.masters,
        envelope,
        store: createMastersStore(database),
        replica: `${podFacts().pod}/${uuidv7()}`,
        log,
        intervalMs: config.upkeepInterval,
        onProgress: counted.rotation,
      }),
    );
    life.readiness.add('master keys', () => rotating.ready());
    const feed = await life.use(
      sequenceFeed({
        name: 'invalidations',
        log,
        async read(sequence, limit) {
          const seen = await store.invalidationsAfter(sequence, limit);
          if (seen.recordsWait) records.soon();
          return seen;
        },
      }),
    );
    const counts = await life.use(createLeaseCounts({ store, log, intervalMs: config.leaseCountInterval }));
    const accesses = await life.use(
      accessLog({ write: store.addRecords, log, intervalMs: config.accessInterval, onLost: counted.accessLost }),
    );
    const oauthStore = createOAuthStore(database, store);
    const forget = createForgetting(database);
    await life.use(upkeep({ store, flows: oauthStore, forget, log, intervalMs: config.upkeepInterval }));

    const custody = createCustody({ store, envelope, onNotice: () => feed.poke() });
    const owned = createOwnedCredentials({ store, envelope, onNotice: () => feed.poke() });
    const http = await life.use(oauthHttp());
    const { publicUrl } = config;
    const secretOf = (tenant: string, grant: GrantRecord) => secretValue({ store, envelope }, tenant, grant);
    const onNotice = () => feed.poke();
    const grants = createOAuth({ store: oauthStore, envelope, http, log, publicUrl, secretOf, onNotice });
    const { identity } = clients;
    const { leaseGrant, discovery } = grants;
    const common = {
      store,
      oauthStore,
      envelope,
      http,
      discovery,
      leaseGrant,
      secretOf,
      publicUrl,
      onNotice,
      metrics: counted,
      log,
    };
    const delegation = identity === undefined ? undefined : openDelegation({ ...common, identity });
    if (delegation !== undefined) await life.use(delegation.component);
    const lease = createLeasing({
      store,
      envelope,
      leaseToken: tokensByType({
        OAuth: grants.leaseToken,
        WorkloadIdentity: createWorkloadTokens({ identities: config.workloadIdentities, http, log }),
        ...(delegation === undefined ? {} : delegation.leases),
      }),
      leaseTtlMs: config.leaseTtl,
      log,
      onLease(access) {
        counts.add(access);
        accesses.add(access);
      },
    });

    const { [SignInService.typeName]: signIns, ...others } = CALLERS;
    const callers = delegation === undefined || signIns === undefined ? others : CALLERS;
    const rpc = rpcServer({ listen: config.grpc, tls, log, metrics, callers })
      .add(CredentialService, credentialService(lease, feed, counted))
      .add(SecretService, secretService(custody, counted))
      .add(OwnedCredentialService, ownedCredentialService(owned, counted))
      .add(GrantService, grantService(grants.connections, counted, delegation?.own));
    if (delegation !== undefined) rpc.add(SignInService, delegation.signIns);
    await life.use(rpc);
  },
});
