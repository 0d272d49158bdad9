import { asGatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { SequenceFeed } from '@sallyport/chassis/sequence-feed';
import type { AuthenticationService, KeyService } from '@sallyport/proto/identity/v1/identity_pb';
import { ConsentService, SessionService } from '@sallyport/proto/identity/v1/sessions_pb';
import { SubjectService } from '@sallyport/proto/identity/v1/subjects_pb';
import type { KeyAdministration } from './administration.ts';
import { type Authenticate, principalNow, refused } from './authentication.ts';
import type { Directory } from './directory/directory.ts';
import { keyMessageOf, principalIdOf } from './key.ts';
import type { IdentityMetrics } from './metrics.ts';
import type { ResourceKeys } from './resource-keys.ts';
import type { RevocationNotice } from './revocations.ts';
import type { AuthenticateEdge } from './tokens/edge.ts';

/** Who may call what: the one place where identity's edges stand. */
export const CALLERS: Record<string, string[]> = {
  'sallyport.identity.v1.AuthenticationService/Authenticate': ['model-proxy', 'mcp-broker', 'console'],
  'sallyport.identity.v1.AuthenticationService/WatchRevocations': [
    'model-proxy',
    'mcp-broker',
    'console',
    'policy',
    'vault',
  ],
  'sallyport.identity.v1.SubjectService': ['vault'],
  'sallyport.identity.v1.DirectoryService': ['console'],
  'sallyport.identity.v1.SessionService': ['console'],
  'sallyport.identity.v1.ConsentService': ['console'],
  'sallyport.identity.v1.KeyService/Upsert': ['operator'],
  'sallyport.identity.v1.KeyService/RemoveByResource': ['operator'],
  'sallyport.identity.v1.KeyService/ListOwned': ['operator'],
  'sallyport.identity.v1.KeyService/Get': ['console'],
  'sallyport.identity.v1.KeyService/List': ['console'],
  'sallyport.identity.v1.KeyService/Create': ['console'],
  'sallyport.identity.v1.KeyService/Update': ['console'],
  'sallyport.identity.v1.KeyService/Revoke': ['console'],
  'sallyport.identity.v1.KeyService/Rotate': ['console'],
};

const OF_OAUTH: readonly string[] = [SubjectService.typeName, SessionService.typeName, ConsentService.typeName];

/** The edges that are served: without an OAuth server there are no sessions, consents or tokens about people. */
export function callersOf(withOAuth: boolean): Record<string, string[]> {
  return Object.fromEntries(Object.entries(CALLERS).filter(([name]) => withOAuth || !OF_OAUTH.includes(name)));
}

/** AuthenticationService over the authenticator and the revocation feed. */
export function authenticationService(
  authenticate: Authenticate,
  feed: SequenceFeed<RevocationNotice>,
  metrics: IdentityMetrics,
  authenticateEdge?: AuthenticateEdge,
): ServiceImpl<typeof AuthenticationService> {
  return {
    async authenticate({ secret, endpoint, address, edge }) {
      try {
        // A caller that sends both, or an edge where none can be, has lost its way.
        if (edge !== undefined && (secret !== '' || authenticateEdge === undefined)) throw refused();
        const { networks = [], ...answer } =
          edge === undefined || authenticateEdge === undefined
            ? await authenticate(secret, endpoint, address)
            : await authenticateEdge(edge, endpoint);
        metrics.authenticated('accepted');
        return { ...answer, networks: [...networks] };
      } catch (error) {
        metrics.authenticated(asGatewayError(error).code === 'unauthenticated' ? 'refused' : 'failed');
        throw error;
      }
    },
    async *watchRevocations({ after }, ctx) {
      for await (const { notice, sequence } of feed.watch(ctx.signal, after)) {
        if (notice === undefined) yield { sequence };
        else {
          const principalId = notice.keyId === '' ? '' : principalIdOf(notice.keyId);
          yield { ...notice, principalId, sequence };
        }
      }
    },
  };
}

/** KeyService over administration (admin API) and resource keys (operator). */
export function keyService(
  administration: KeyAdministration,
  resourceKeys: ResourceKeys,
  directory: Pick<Directory, 'standingOf'>,
  metrics: IdentityMetrics,
): ServiceImpl<typeof KeyService> {
  return {
    async upsert(request) {
      const { key, generatedSecret } = await resourceKeys.upsert(request);
      metrics.changed('upsert');
      return { key: keyMessageOf(key, Date.now()), generatedSecret };
    },
    async removeByResource({ tenant, resourceUid }) {
      await resourceKeys.remove(tenant, resourceUid);
      metrics.changed('remove');
      return {};
    },
    async listOwned({ pageSize, pageToken }) {
      const { keys, nextPageToken } = await resourceKeys.list(pageSize, pageToken);
      return { keys: keys.map(({ tenant, resourceUid, name }) => ({ tenant, resourceUid, name })), nextPageToken };
    },
    async create({ tenant, spec, idempotencyKey }) {
      const { key, secret } = await administration.create(tenant, spec, idempotencyKey);
      metrics.changed('create');
      return { key: keyMessageOf(key, Date.now()), secret };
    },
    async update({ tenant, id, spec, expectedRevision, by }) {
      const key = await administration.update(tenant, id, spec, expectedRevision || undefined, by);
      metrics.changed('update');
      return { key: keyMessageOf(key, Date.now()) };
    },
    async revoke({ tenant, id, reason, by }) {
      const key = await administration.revoke(tenant, id, reason, by);
      metrics.changed('revoke');
      return { key: keyMessageOf(key, Date.now()) };
    },
    async rotate({ tenant, id, graceMs, by }) {
      const { key, secret } = await administration.rotate(tenant, id, graceMs, by);
      metrics.changed('rotate');
      return { key: keyMessageOf(key, Date.now()), secret };
    },
    async get({ tenant, id }) {
      const key = await administration.get(tenant, id);
      const principal = await principalNow(key, directory, Date.now());
      return { key: keyMessageOf(key, Date.now()), ...(principal === undefined ? {} : { principal }) };
    },
    async list({ tenant, pageSize, pageToken, owner, teams }) {
      const { keys, nextPageToken } = await administration.list(tenant, pageSize, pageToken, { owner, teams });
      return { keys: keys.map((key) => keyMessageOf(key, Date.now())), nextPageToken };
    },
  };
}
