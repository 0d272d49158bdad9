import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { GrantRow, OAuthStore } from '../oauth/oauth-store.ts';
import { testVault } from '../testing/vault.ts';
import type { DelegationWanted } from './adapter.ts';
import { createSignIns, type NewSignIn } from './sign-ins.ts';
import { DANA, jwt } from './testing.ts';

const ISSUER = 'https://idp.example';
const UID = 'u-idp';
const ref = { name: 'idp', key: 'secret' };
const idToken = jwt({ alg: 'ES256' }, { iss: ISSUER, exp: 2_000_000_000 });
const signIn: NewSignIn = {
  user: 'dana',
  uid: UID,
  issuer: ISSUER,
  tokenEndpoint: `${ISSUER}/token`,
  tokenEndpointAuthMethods: ['client_secret_post'],
  accessToken: 'access-canary',
  refreshToken: 'refresh-canary',
  idToken,
  expiresAtMs: 2_100_000_000_000,
  scopes: ['openid'],
};
const wanted = { tenant: 'acme', person: DANA, server: { resourceName: 'crm' } } as DelegationWanted;

/** Kept sign-ins over a store in memory, at a provider that lets them be kept. */
async function house(auth: object = { type: 'SignIn', issuer: ISSUER, clientId: 'gateway' }, tenant = 'acme') {
  const vault = testVault();
  const { store, envelope, custody } = vault;
  const held = new Map<string, GrantRow>();
  const oauthStore = {
    inTenant: store.inTenant,
    dataKey: (of: string, make: Parameters<OAuthStore['dataKey']>[1]) =>
      store.inTenant(of, async (tx) => (await tx.newestDataKey()) ?? (await tx.addDataKey(await make()))),
    openingKey: (of: string, id: string) => store.inTenant(of, (tx) => tx.dataKey(id)),
    grant: async (of: string, uid: string, user: string) => held.get(`${of}/${uid}/${user}`),
    async connect(of: string, grant: Parameters<OAuthStore['connect']>[1]) {
      const row = { ...grant, ended: false, revision: 1, connectedAtMs: 1_000, usedAtMs: 0 };
      held.set(`${of}/${grant.uid}/${grant.user}`, row);
      return row;
    },
  } as unknown as OAuthStore;
  await custody.put(tenant, ref, 'secret-at-provider', 'v1');
  const grant = { kind: 'IdentityProvider', uid: `${UID}/sign-in`, resourceName: 'people', ref, origin: ISSUER };
  await custody.grant(tenant, { ...grant, auth });
  let missing = false;
  const signIns = createSignIns({
    store: oauthStore,
    envelope,
    lease: async () => {
      if (missing) throw new GatewayError('upstream_credentials', 'ended', { details: { missing: 'grant' } });
      return { value: '', reference: '', owner: '', scopes: [], expiresAtMs: undefined };
    },
    secretOf: async () => 'secret-at-provider',
    onNotice: () => undefined,
  });
  return { signIns, held, end: () => (missing = true) };
}

describe('kept sign-ins', () => {
  it('[delegation:keep-sign-in] keeps what a provider gave, sealed, for that person at that issuer', async () => {
    const { signIns, held } = await house();
    await signIns.keep('acme', signIn);
    const [row] = held.values();
    expect(Buffer.from(row?.sealed ?? []).toString('latin1')).not.toContain('canary');
    // Both tokens are had anew when the first of them ends.
    expect(row?.expiresAtMs).toBe(2_000_000_000_000);
    await expect(signIns.find(wanted, ISSUER)).resolves.toEqual({
      provider: 'people',
      accessToken: 'access-canary',
      idToken,
      client: { clientId: 'gateway', secret: 'secret-at-provider' },
      as: {
        issuer: ISSUER,
        token_endpoint: `${ISSUER}/token`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        id_token_signing_alg_values_supported: ['ES256'],
      },
      allowPrivate: false,
    });
    expect(await signIns.stands('acme', DANA, ISSUER)).toBe(true);
  });

  it.each<[string, Partial<NewSignIn>, string]>([
    ['of another issuer', { issuer: 'https://evil.example' }, 'permission_denied'],
    ['of another provider', { uid: 'u-other' }, 'permission_denied'],
    ['of nobody', { user: '' }, 'permission_denied'],
    ['that is refreshed in the clear', { tokenEndpoint: 'http://idp.example/token' }, 'invalid_request'],
    ['that is refreshed nowhere', { tokenEndpoint: 'token' }, 'invalid_request'],
    ['without bounds', { refreshToken: 'x'.repeat(20_000) }, 'invalid_request'],
  ])('[delegation:keep-sign-in] keeps none %s', async (_name, change, code) => {
    const { signIns, held } = await house();
    await expect(signIns.keep('acme', { ...signIn, ...change })).rejects.toMatchObject({ code });
    expect(held.size).toBe(0);
  });

  it.each([
    ['that keeps those of another issuer', { type: 'SignIn', issuer: 'https://other.example' }, 'acme'],
    ['whose grant is for something else', { type: 'OAuth', issuer: ISSUER }, 'acme'],
    ['of another tenant', { type: 'SignIn', issuer: ISSUER, clientId: 'gateway' }, 'globex'],
  ])('[delegation:keep-sign-in] keeps none at a provider %s', async (_name, auth, tenant) => {
    const { signIns } = await house(auth, tenant);
    await expect(signIns.keep('acme', signIn)).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it.each<[string, Partial<DelegationWanted['person']>, string, object]>([
    ['another person', { user: 'kim' }, ISSUER, { missing: 'sign-in', provider: 'people', server: 'crm' }],
    ['who took over the name since', { userSinceMs: 2_000 }, ISSUER, { missing: 'sign-in' }],
    ['another issuer', {}, 'https://evil.example', { missing: 'identity-provider' }],
  ])('[delegation:keep-sign-in] finds none for %s', async (_name, person, issuer, details) => {
    const { signIns } = await house();
    await signIns.keep('acme', signIn);
    const asked = { ...wanted, person: { ...DANA, ...person } };
    await expect(signIns.find(asked, issuer)).rejects.toMatchObject({ code: 'upstream_credentials', details });
    expect(await signIns.stands('acme', asked.person, issuer)).toBe(false);
  });

  it('[delegation:keep-sign-in] finds none that its provider ended', async () => {
    const { signIns, end } = await house();
    await signIns.keep('acme', signIn);
    end();
    await expect(signIns.find(wanted, ISSUER)).rejects.toMatchObject({ details: { missing: 'sign-in' } });
  });
});
