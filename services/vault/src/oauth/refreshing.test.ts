import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { createLogger } from '@sallyport/chassis/log';
import { signInGrantUid } from '@sallyport/custom-resources/grant-uids';
import { DANA, jwt } from '../delegation/testing.ts';
import { memoryOAuthStore } from '../testing/memory-oauth-store.ts';
import { testVault } from '../testing/vault.ts';
import type { GrantRecord } from '../vault-store.ts';
import { recordGrant } from './connections.ts';
import { createGrantLeases } from './grant-leases.ts';
import { type GrantContent, grantPlace, rowSealer } from './grant-seal.ts';

const ISSUER = 'https://idp.example';
const UID = signInGrantUid('u-idp');
const seconds = () => Math.floor(Date.now() / 1000);
const idTokenOf = (claims: object = {}) =>
  jwt(
    { alg: 'ES256' },
    { iss: ISSUER, aud: 'gateway', sub: 'sub-of-dana', iat: seconds(), exp: seconds() + 3_600, ...claims },
  );
const provider: GrantRecord = {
  kind: 'IdentityProvider',
  uid: UID,
  resourceName: 'people',
  ref: { name: 'idp', key: 'secret' },
  origin: 'https://idp.example:443',
  owners: [],
  auth: { type: 'SignIn', issuer: ISSUER, clientId: 'gateway' },
  url: ISSUER,
  allowPrivate: false,
};
const MISSING = { code: 'upstream_credentials', details: { missing: 'grant' } };

/** A kept sign-in whose access token ends in `leftS`, at a provider that answers a refresh with `answer`. */
async function house(answer: object | number, { leftS = 10, idToken = idTokenOf() as string | undefined } = {}) {
  const { store, envelope } = testVault();
  const oauthStore = memoryOAuthStore(store);
  const sent: { readonly form: URLSearchParams; readonly authorization: string | null }[] = [];
  let secret: string | GatewayError = 'secret-at-provider';
  const http = {
    name: 'test',
    stop: async () => undefined,
    fetchFor:
      () =>
      async (_url: string, init: { body?: unknown; headers?: object } = {}) => {
        const headers = new Headers(init.headers as Record<string, string>);
        sent.push({ form: new URLSearchParams(String(init.body)), authorization: headers.get('authorization') });
        return typeof answer === 'number' ? new Response('', { status: answer }) : Response.json(answer);
      },
  };
  const lease = createGrantLeases({
    store: oauthStore,
    envelope,
    http,
    clients: { forget: async () => undefined },
    secretOf: async () => {
      if (typeof secret === 'string') return secret;
      throw secret;
    },
    onNotice: () => undefined,
    log: createLogger({ service: 'vault', write: () => undefined }),
  });
  const content: GrantContent = {
    accessToken: 'access-1',
    refreshToken: 'refresh-1',
    idToken,
    client: { clientId: 'gateway' },
    as: { issuer: ISSUER, token_endpoint: `${ISSUER}/token`, id_token_signing_alg_values_supported: ['ES256'] },
  };
  const place = { uid: UID, user: 'dana', origin: provider.origin, issuer: ISSUER };
  const sealed = await rowSealer(oauthStore, envelope).seal('acme', grantPlace(place), content);
  const expiresAtMs = Date.now() + leftS * 1000;
  await oauthStore.connect(
    'acme',
    { ...place, resourceName: 'people', scopes: [], expiresAtMs, ...sealed },
    recordGrant('acme', 'sign-ins.keep', { ...place, resourceName: 'people' }, {}),
  );
  return {
    sent,
    told: oauthStore.told,
    row: () => [...oauthStore.held.values()][0],
    away: () => {
      secret = new GatewayError('upstream_credentials', 'away', { details: { missing: 'secret' } });
    },
    lease: (refused = '') => lease('acme', provider, DANA, refused),
  };
}

const renewed = (more: object = {}) => ({
  access_token: 'access-2',
  token_type: 'Bearer',
  expires_in: 3_600,
  refresh_token: 'refresh-2',
  id_token: idTokenOf(),
  ...more,
});

describe('renewing what a person was given', () => {
  it('[delegation:renewed] gives out what came for the same person', async () => {
    const { lease, sent, row } = await house(renewed());
    await expect(lease()).resolves.toMatchObject({ value: 'access-2', reference: 'grant:dana/people#2' });
    expect(sent).toHaveLength(1);
    expect(row()?.ended).toBe(false);
  });

  it.each([
    ['of another person', { sub: 'sub-of-kim' }],
    ['of nobody', { sub: undefined }],
  ])('[delegation:renewed] ends a sign-in that comes back %s, and gives nothing of it out', async (_name, claims) => {
    const { lease, row, told } = await house(renewed({ id_token: idTokenOf(claims) }));
    const error = await lease().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(GatewayError);
    expect(['upstream_credentials', 'upstream_invalid']).toContain((error as GatewayError).code);
    expect(row()?.revision).toBe(1);
    if (claims.sub !== undefined) {
      expect(error).toMatchObject(MISSING);
      expect(row()?.ended).toBe(true);
      expect(told.at(-1)).toMatchObject({ action: 'grants.end', change: { reason: 'other_subject' } });
    }
  });

  it('[delegation:renewed] has both tokens anew when the first of them ends', async () => {
    const { lease, row, sent } = await house(renewed({ id_token: idTokenOf({ exp: seconds() + 60 }) }));
    await lease();
    const left = (row()?.expiresAtMs ?? 0) - Date.now();
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
    await lease();
    expect(sent).toHaveLength(1);
  });

  it('[delegation:renewed] asks not without end where an ID token is never renewed', async () => {
    const old = idTokenOf({ exp: seconds() - 60 });
    const { lease, sent } = await house(renewed({ id_token: undefined }), { idToken: old });
    for (let n = 0; n < 3; n++) await lease();
    expect(sent).toHaveLength(1);
  });

  it('[grants:refresh-once] gives all who were refused by one token the one that came for it', async () => {
    const { lease, sent } = await house(renewed(), { leftS: 3_600 });
    const refused = (await lease()).reference;
    const all = await Promise.all([lease(refused), lease(refused), lease(refused)]);
    expect(all.map(({ value }) => value)).toEqual(['access-2', 'access-2', 'access-2']);
    expect(sent).toHaveLength(1);
    // The next refusal is not heeded at once.
    expect((await lease(all[0]?.reference)).value).toBe('access-2');
    expect(sent).toHaveLength(1);
  });

  it('[vault:missing-secret] comes as no client without a secret where its Secret is away, and ends no grant for that', async () => {
    const { lease, away, sent, row } = await house(renewed());
    away();
    // What is still good is used to its end.
    await expect(lease()).resolves.toMatchObject({ value: 'access-1' });
    await expect(lease('grant:dana/people#1')).rejects.toMatchObject({ details: { missing: 'secret' } });
    expect(sent).toEqual([]);
    expect(row()?.ended).toBe(false);
  });
});
