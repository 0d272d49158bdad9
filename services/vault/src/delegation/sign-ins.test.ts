import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { signInGrantUid } from '@sallyport/custom-resources/grant-uids';
import { secretValue } from '../leasing.ts';
import { memoryOAuthStore } from '../testing/memory-oauth-store.ts';
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
  const oauthStore = memoryOAuthStore(store);
  await custody.put(tenant, ref, 'secret-at-provider', 'v1');
  const uid = signInGrantUid(UID);
  const grant = { kind: 'IdentityProvider', uid, resourceName: 'people', ref, origin: ISSUER, auth };
  await custody.grant(tenant, grant);
  let missing = false;
  const signIns = createSignIns({
    store: oauthStore,
    envelope,
    lease: async () => {
      if (missing) throw new GatewayError('upstream_credentials', 'ended', { details: { missing: 'grant' } });
      return { value: '', reference: '', owner: '', scopes: [], expiresAtMs: undefined };
    },
    secretOf: (of, row) => secretValue(vault, of, row),
    onNotice: () => undefined,
  });
  const { held, told } = oauthStore;
  return { signIns, held, told, custody, grant, notices: store.notices, end: () => (missing = true) };
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

  it('[delegation:forget] forgets a sign-in of a person for them, and tells who stands on it', async () => {
    const { signIns, held, told, custody, notices } = await house();
    const server = (uid: string, auth: object) =>
      custody.grant('acme', { kind: 'ToolServer', uid, resourceName: uid, ref, origin: 'https://a.example', auth });
    await server('behalf', { type: 'EntraOnBehalfOf', issuer: ISSUER });
    await server('other', { type: 'EntraOnBehalfOf', issuer: 'https://other.example' });
    await signIns.keep('acme', signIn);
    expect((await signIns.list('acme', 'dana')).map(({ resourceName }) => resourceName)).toEqual(['people']);
    await expect(signIns.forget('acme', 'kim', 'people')).rejects.toMatchObject({ code: 'not_found' });
    await expect(signIns.forget('globex', 'dana', 'people')).rejects.toMatchObject({ code: 'not_found' });
    const before = notices.length;
    await signIns.forget('acme', 'dana', 'people');
    expect(notices.slice(before).map(({ resource }) => resource?.uid)).toEqual(['behalf']);
    expect(told.map(({ action }) => action)).toEqual(['sign-ins.keep', 'sign-ins.forget']);
    expect([held.size, await signIns.list('acme', 'dana')]).toEqual([0, []]);
  });

  it('[delegation:challenge] hands what the provider wants to the next sign-in of that person there, once', async () => {
    const { signIns } = await house();
    await signIns.challenged(wanted, ISSUER, 'of nobody who signed in');
    expect(await signIns.keep('acme', signIn)).toBeUndefined();
    expect(await signIns.keep('acme', { ...signIn, user: 'kim' })).toBeUndefined();
    await signIns.challenged(wanted, ISSUER, 'first');
    await signIns.challenged(wanted, ISSUER, 'second');
    await signIns.challenged(wanted, 'https://other.example', 'third');
    expect(await signIns.keep('acme', { ...signIn, user: 'kim' })).toBeUndefined();
    expect(await signIns.keep('acme', signIn)).toBe('second');
    expect(await signIns.keep('acme', signIn)).toBeUndefined();
  });

  it('[delegation:keep-sign-in] goes to private addresses as the provider’s resource says now, and not as it said at the sign-in', async () => {
    const { signIns, custody, grant } = await house();
    await custody.grant('acme', { ...grant, allowPrivate: true });
    await signIns.keep('acme', signIn);
    await expect(signIns.find(wanted, ISSUER)).resolves.toMatchObject({ allowPrivate: true });
    await custody.grant('acme', { ...grant, allowPrivate: false });
    await expect(signIns.find(wanted, ISSUER)).resolves.toMatchObject({ allowPrivate: false });
  });

  it('[delegation:keep-sign-in] is no client without a secret where its Secret is away', async () => {
    const { signIns, custody } = await house();
    await signIns.keep('acme', signIn);
    await custody.remove('acme', ref);
    await expect(signIns.find(wanted, ISSUER)).rejects.toMatchObject({
      code: 'upstream_credentials',
      details: { missing: 'secret' },
    });
  });

  it('[delegation:unkept] forgets the sign-ins of a provider that keeps none any more, and tells who stands on them', async () => {
    const { signIns, custody, notices } = await house();
    await custody.grant('acme', {
      ...{ kind: 'ToolServer', uid: 'behalf', resourceName: 'behalf', ref, origin: 'https://a.example' },
      auth: { type: 'EntraOnBehalfOf', issuer: ISSUER },
    });
    await signIns.keep('acme', signIn);
    const before = notices.length;
    await custody.revokeGrant('acme', 'IdentityProvider', signInGrantUid(UID));
    expect(notices.slice(before).map(({ resource }) => resource?.uid)).toContain('behalf');
  });

  it('[delegation:keep-sign-in] finds none that its provider ended', async () => {
    const { signIns, end } = await house();
    await signIns.keep('acme', signIn);
    end();
    await expect(signIns.find(wanted, ISSUER)).rejects.toMatchObject({ details: { missing: 'sign-in' } });
  });
});
