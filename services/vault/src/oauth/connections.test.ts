import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { memoryOAuthStore } from '../testing/memory-oauth-store.ts';
import { testVault } from '../testing/vault.ts';
import { createConnections, recordGrant } from './connections.ts';
import { grantPlace, rowSealer } from './grant-seal.ts';

const ISSUER = 'https://login.example';

describe('connections of people', () => {
  it('[grants:revoked-there] ends a grant at its issuer by the addresses that its server may lead to now', async () => {
    const { store, envelope, custody } = testVault();
    const oauthStore = memoryOAuthStore(store);
    const asked: { readonly url: string; readonly allowPrivate: boolean }[] = [];
    const http = {
      name: 'test',
      stop: async () => undefined,
      fetchFor: (allowPrivate: boolean) => async (url: string) => {
        asked.push({ url, allowPrivate });
        return new Response(null, { status: 200 });
      },
    };
    const connections = createConnections({
      ...{ store: oauthStore, envelope, http, discovery: unused, clients: unused as never, secretOf: unused },
      onNotice: () => undefined,
      log: createLogger({ service: 'vault', write: () => undefined }),
    });
    const place = { uid: 'u1', user: 'dana', origin: 'https://tools.example:443', issuer: ISSUER };
    const server = (allowPrivate: boolean) =>
      custody.grant('acme', {
        ...{ kind: 'ToolServer', uid: 'u1', resourceName: 'crm', ref: undefined, origin: place.origin },
        ...{ auth: { type: 'OAuth' }, url: 'https://tools.example/mcp', allowPrivate },
      });
    await server(true);
    const content = {
      accessToken: 'access',
      refreshToken: 'refresh',
      client: { clientId: 'gateway', method: 'none' },
      as: { issuer: ISSUER, revocation_endpoint: `${ISSUER}/revoke` },
      // As rows of before have it.
      allowPrivate: true,
    };
    const sealed = await rowSealer(oauthStore, envelope).seal('acme', grantPlace(place), content);
    const row = { ...place, resourceName: 'crm', scopes: [], expiresAtMs: undefined, ...sealed };
    await oauthStore.connect('acme', row, recordGrant('acme', 'grants.connect', row, {}));
    await server(false);
    await expect(connections.disconnect('acme', 'dana', 'crm')).resolves.toEqual({ revokedUpstream: true });
    expect(asked).toEqual([
      { url: `${ISSUER}/revoke`, allowPrivate: false },
      { url: `${ISSUER}/revoke`, allowPrivate: false },
    ]);
  });
});

function unused(): never {
  throw new Error('nobody asks for this here');
}
