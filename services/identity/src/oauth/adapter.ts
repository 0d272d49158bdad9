import type { Adapter, AdapterPayload } from 'oidc-provider';
import { errors } from 'oidc-provider';
import { userOf } from './account.ts';
import { type ArtefactContent, type ArtefactStore, useUnderWay } from './artefact-store.ts';
import type { Clients } from './clients.ts';
import type { GrantEnd, GrantStore } from './grant-store.ts';

/** What the library's storage stands on, for one tenant. */
export interface AdapterOptions {
  readonly tenant: string;
  readonly artefacts: ArtefactStore;
  readonly grants: GrantStore;
  readonly clients: Clients;
  readonly presented: PresentedTokens;
  /** IdentityProvider that vouches for a person; '' when none does. */
  readonly providerOf: (user: string) => Promise<string>;
}

/** Access tokens that a request presents, checked already, under a name for the time of the request. */
export interface PresentedTokens {
  hold(token: AdapterPayload & { readonly kind: string }): string;
  find(name: string, kind: string): AdapterPayload | undefined;
  drop(name: string): void;
}

// Handles that stay in the content: nobody can present these by knowing it, or they must be saved again.
const KEEP_HANDLE = new Set(['Session', 'Interaction']);
const LOGOUT: GrantEnd = { reason: 'revoked' };

/** Makes the storage of one model of the library. Its own tokens are signed and stored nowhere. */
export function createAdapter(model: string, options: AdapterOptions): Adapter {
  if (model === 'Client') return clientAdapter(options);
  if (model === 'Grant') return grantAdapter(options);
  if (model === 'AccessToken' || model === 'ClientCredentials') return tokenAdapter(model, options);
  const { tenant, artefacts } = options;
  const contentOf = (handle: string, content: ArtefactContent): AdapterPayload => ({ ...content, jti: handle });
  return {
    async upsert(handle, payload, expiresIn = 60) {
      const { jti, consumed: _consumed, ...content } = payload as Record<string, unknown>;
      const kept = KEEP_HANDLE.has(model) ? { ...content, jti } : content;
      if (model !== 'ReplayDetection') return artefacts.save(tenant, model, handle, kept, expiresIn);
      if (!(await artefacts.saveOnce(tenant, model, handle, kept, expiresIn))) {
        throw new errors.InvalidClientAuth('client assertion tokens must only be used once');
      }
    },
    async find(handle) {
      const found = await artefacts.find(tenant, model, handle);
      if (found === undefined) return undefined;
      if (found.use === 'open' && model === 'RefreshToken') throw useUnderWay();
      return { ...contentOf(handle, found.content), ...(found.use === 'unused' ? {} : { consumed: true as never }) };
    },
    async findByUid(uid) {
      return (await artefacts.findByUid(tenant, model, uid))?.content as AdapterPayload | undefined;
    },
    findByUserCode: async () => undefined,
    async consume(handle) {
      if (await artefacts.consume(tenant, model, handle)) return;
      // Somebody else used it between our look and now. Which of the two is a thief cannot be told.
      const found = await artefacts.find(tenant, model, handle);
      const grantId = found?.content.grantId;
      if (typeof grantId === 'string') await options.grants.end(tenant, grantId, { reason: 'used twice' });
      throw new errors.InvalidGrant('grant request is invalid');
    },
    destroy: (handle) => artefacts.remove(tenant, model, handle),
    revokeByGrantId: (grantId) => artefacts.removeOfGrant(tenant, model, grantId),
  };
}

function clientAdapter({ tenant, clients }: AdapterOptions): Adapter {
  return {
    upsert: (id, payload) => clients.register(tenant, id, payload as Record<string, unknown>),
    find: async (id) => (await clients.metadataOf(tenant, id)) as AdapterPayload | undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    consume: async () => undefined,
    destroy: async () => undefined,
    revokeByGrantId: async () => undefined,
  };
}

function grantAdapter({ tenant, grants, providerOf }: AdapterOptions): Adapter {
  return {
    async upsert(id, payload) {
      const user = userOf(payload.accountId) ?? '';
      const resources = Object.values((payload.resources ?? {}) as Record<string, string>);
      const facts = {
        id,
        user,
        client: payload.clientId ?? '',
        identityProvider: user === '' ? '' : await providerOf(user),
        scopes: [...new Set(resources.flatMap((scope) => scope.split(' ')))],
        expiresAtMs: (payload.exp ?? 0) * 1000,
      };
      await grants.save(tenant, facts, payload);
    },
    find: async (id) => (await grants.contentOf(tenant, id)) as AdapterPayload | undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    consume: async () => undefined,
    async destroy(id) {
      await grants.end(tenant, id, LOGOUT);
    },
    revokeByGrantId: async () => undefined,
  };
}

function tokenAdapter(model: string, { tenant, grants, presented }: AdapterOptions): Adapter {
  return {
    upsert: async () => undefined,
    find: async (name) => presented.find(name, model),
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    consume: async () => undefined,
    async destroy(name) {
      // Signed tokens cannot be taken back one by one: what they stand on ends.
      const session = (presented.find(name, model)?.extra as { sid?: unknown } | undefined)?.sid;
      if (typeof session === 'string') await grants.end(tenant, session, LOGOUT);
    },
    revokeByGrantId: async () => undefined,
  };
}
