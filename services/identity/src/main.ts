import { adminServer } from '@sallyport/chassis/admin';
import { loadConfig, readSecretFile, tlsOf } from '@sallyport/chassis/config';
import { httpServer } from '@sallyport/chassis/http/server';
import { readKeyFile } from '@sallyport/chassis/key-file';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import type { Outbox } from '@sallyport/chassis/outbox';
import { postgres } from '@sallyport/chassis/postgres';
import { run } from '@sallyport/chassis/process';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { sequenceFeed } from '@sallyport/chassis/sequence-feed';
import { startTracing, traceFields } from '@sallyport/chassis/tracing';
import { createIngress } from '@sallyport/peers/ingress';
import { type Snapshot, watchSnapshot } from '@sallyport/peers/snapshot';
import { DirectoryService } from '@sallyport/proto/identity/v1/directory_pb';
import { AuthenticationService, KeyService } from '@sallyport/proto/identity/v1/identity_pb';
import { ConsentService, SessionService } from '@sallyport/proto/identity/v1/sessions_pb';
import { SubjectService } from '@sallyport/proto/identity/v1/subjects_pb';
import { sendingAdminRecords } from './admin-records.ts';
import { createAdministration } from './administration.ts';
import { byForm } from './authentication.ts';
import { createBootstrapAdmin } from './bootstrap-admin.ts';
import { type Clients, connect } from './clients.ts';
import { configSchema } from './config.ts';
import { createCreationMemory } from './creation-memory.ts';
import { createDirectory } from './directory/directory.ts';
import { keepDirectory } from './directory/open.ts';
import { directoryService } from './directory/service.ts';
import { identityApp } from './http.ts';
import { identityMetrics } from './metrics.ts';
import { type OAuth, openOAuth } from './oauth/open.ts';
import { createSecrets } from './oauth/secrets.ts';
import { openKeyAuthentication } from './open-authentication.ts';
import { createPeppers } from './peppers.ts';
import { pruning } from './pruning.ts';
import { createResourceKeys } from './resource-keys.ts';
import { createFindCaller } from './scim/caller.ts';
import { scimFront } from './scim/front.ts';
import { authenticationService, callersOf, keyService } from './server.ts';
import { createKeyStore, SCHEMA_VERSION } from './store.ts';
import type { AuthenticateToken } from './tokens/authenticate-token.ts';
import type { AuthenticateEdge } from './tokens/edge.ts';
import { openTokens } from './tokens/open.ts';

const SERVICE = 'identity';
/** Longest that readiness waits for the operator. */
const FIRST_SNAPSHOT_MS = 10_000;
/** Kinds of resources that identity follows. */
const KINDS = ['IdentityProvider', 'Client', 'Team', 'ToolServer'] as const;

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
    const store = createKeyStore(database);
    const pepperKeys = readKeyFile(config.pepperFile);
    const peppers = createPeppers(pepperKeys);

    const outboxes: Outbox[] = [];
    const feed = await life.use(
      sequenceFeed({
        name: 'revocations',
        log,
        async read(sequence, limit) {
          const seen = await store.revocationsAfter(sequence, limit);
          if (seen.recordsWait) for (const outbox of outboxes) outbox.soon();
          return seen;
        },
      }),
    );
    await life.use(pruning(store, log));

    const counted = identityMetrics(metrics);
    const ingress = createIngress(
      { trustedProxies: config.trustedProxies, forwardedHeader: config.forwardedHeader },
      { log, metrics },
    );
    const directory = createDirectory(database);
    const authenticateKey = await openKeyAuthentication(life, { config, store, peppers, directory, log });
    const onNotice = () => feed.poke();
    let authenticateToken: AuthenticateToken | undefined;
    let authenticateEdge: AuthenticateEdge | undefined;
    let oauth: OAuth | undefined;
    let snapshot: Snapshot | undefined;
    let credentials: Clients['credentials'] | undefined;
    if (config.peers !== undefined) {
      const { operator = '', audit = '', vault = '' } = config.peers;
      const { clients, component } = connect({ operator, audit, vault }, { self: SERVICE, tls, log, metrics });
      await life.use(component);
      credentials = clients.credentials;
      const { snapshotCacheFile } = config;
      snapshot = await life.use(
        watchSnapshot({
          client: clients.snapshots,
          kinds: KINDS,
          log,
          ...(snapshotCacheFile === undefined ? {} : { cacheFile: snapshotCacheFile }),
        }),
      );
      const followed = snapshot;
      const begun = performance.now();
      // Keys are known without it, so identity serves where the operator is away; right after a start it is a moment off.
      life.readiness.add(
        'snapshot',
        () => followed.seen() || performance.now() - begun > FIRST_SNAPSHOT_MS || 'no snapshot was received yet',
      );
      const cacheTtlMs = config.cacheTtl;
      const tokens = await openTokens(life, {
        snapshot,
        clients,
        directory,
        metrics: counted,
        log,
        cacheTtlMs,
        edges: config.edges,
        own: (iss, endpoint) => oauth?.issuers(iss, endpoint) ?? [],
      });
      authenticateToken = tokens.authenticate;
      authenticateEdge = async (edge, endpoint) => {
        const answer = await tokens.authenticateEdge(edge, endpoint);
        bootstrap?.seen(answer.principal);
        return answer;
      };
      oauth = await openOAuth(life, {
        config,
        postgres: database,
        peppers: pepperKeys,
        snapshot,
        peers: clients,
        directory,
        trusted: tokens.issuers,
        authenticate: authenticateKey,
        ingress,
        authenticateToken: tokens.authenticate,
        onNotice,
        onSeen: (principal) => bootstrap?.seen(principal),
        log,
      });
      const { recordInterval: retryMs } = config;
      outboxes.push(
        await life.use(sendingAdminRecords({ postgres: database, client: clients.records, retryMs, log })),
        await keepDirectory(life, { config, postgres: database, clients, snapshot, onNotice, log }),
      );
    }
    const authenticate = byForm(authenticateKey, authenticateToken);
    const administration = createAdministration({
      store,
      peppers,
      memory: createCreationMemory(pepperKeys),
      onNotice,
    });
    const bootstrap =
      config.bootstrapAdmin === undefined
        ? undefined
        : await life.use(
            createBootstrapAdmin({
              store,
              peppers,
              tenant: config.bootstrapAdmin.tenant,
              secret: readSecretFile(config.bootstrapAdmin.secretFile),
              validForMs: config.bootstrapAdmin.validFor,
              onNotice,
              log,
            }),
          );
    const resourceKeys = createResourceKeys({ store, peppers, onNotice });

    const callers = callersOf(oauth !== undefined);
    const rpc = rpcServer({ listen: config.grpc, tls, log, metrics, callers })
      .add(
        AuthenticationService,
        authenticationService(bootstrap?.watching(authenticate) ?? authenticate, feed, counted, authenticateEdge),
      )
      .add(KeyService, keyService(administration, resourceKeys, directory, counted))
      .add(DirectoryService, directoryService(database));
    if (oauth !== undefined) {
      rpc.add(SessionService, oauth.sessions).add(ConsentService, oauth.consents).add(SubjectService, oauth.subjects);
    }
    await life.use(rpc);
    const scim = scimFront({
      postgres: database,
      findCaller: createFindCaller({ snapshot, secretOf: createSecrets(credentials), authenticate: authenticateKey }),
      publicUrl: config.publicUrl,
      ingress,
      defaultTenant: config.oauth?.defaultTenant ?? 'default',
      hosts: config.oauth?.hosts ?? {},
      onNotice,
    });
    const fronts = oauth === undefined ? [scim] : [oauth.front, scim];
    if (config.http !== undefined) {
      await life.use(httpServer({ listen: config.http, app: identityApp({ fronts, log, metrics }), log }));
    }
  },
});
