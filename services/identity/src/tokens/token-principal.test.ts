import { describe, expect, it } from '@jest/globals';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { keptClaims, teamNames } from './claim-shapes.ts';
import { AUDIENCE, ISSUER, NOW, testSources, trustedIssuer } from './testing.ts';
import { principalOfToken } from './token-principal.ts';
import type { DeclaredClient } from './trusted-issuers.ts';

const TIMES = { iss: ISSUER, aud: AUDIENCE, iat: NOW - 10, exp: NOW + 300 };
const client = (spec: object = {}): DeclaredClient =>
  ({ name: 'reporter', spec: { teams: ['reports'], disabled: false, ...spec } }) as unknown as DeclaredClient;

/** The principal of claims at an IdentityProvider with this mapping, and what the directory was asked. */
async function principalOf(
  claims: object,
  mapping: object = {},
  clients: Record<string, DeclaredClient> = {},
  spec: object = {},
) {
  const { sources, said } = testSources(clients);
  const token = { text: '', header: {}, claims: { ...TIMES, ...claims } };
  return { principal: await principalOfToken(token, trustedIssuer({ mapping, ...spec }), sources), said };
}

const OKTA = {
  ver: 1,
  jti: 'AT.x',
  sub: 'ann@acme.example',
  cid: '0oa1',
  uid: '00u1',
  scp: ['openid', 'profile'],
  groups: ['Everyone', 'core'],
};
const ENTRA = {
  ver: '2.0',
  tid: '11111111-2222-3333-4444-555555555555',
  oid: 'aaaaaaaa-2222-3333-4444-555555555555',
  sub: 'pairwise-of-this-app',
  azp: 'spa-1',
  scp: 'access',
  name: 'Ann',
  preferred_username: 'Ann@acme.example',
  groups: ['g-1', 'g-2'],
};
const AUTH0 = {
  sub: 'auth0|507f1f77',
  azp: 'app-1',
  scope: 'openid',
  'https://acme.example/teams': ['core'],
  'https://acme.example/email': 'ann@acme.example',
};
const KEYCLOAK = {
  typ: 'Bearer',
  sub: 'f1e2',
  azp: 'gateway',
  preferred_username: 'ann',
  email: 'ann@acme.example',
  email_verified: true,
  realm_access: { roles: ['sallyport-admin', 'user'] },
  groups: ['/core', '/core/leads'],
};

describe('people, as providers tell of them', () => {
  it.each<[string, object, object, { user: string; teams: string[]; subject: string }]>([
    [
      'Okta',
      OKTA,
      { teams: "claims.groups.filter(g, g != 'Everyone')" },
      { user: 'ann@acme.example', teams: ['core'], subject: 'ann@acme.example' },
    ],
    [
      'Entra ID',
      ENTRA,
      { user: 'claims.preferred_username', teams: 'claims.groups' },
      { user: 'ann@acme.example', teams: ['g-1', 'g-2'], subject: 'pairwise-of-this-app' },
    ],
    [
      'Auth0, which puts what is not of the standard under names of URLs',
      AUTH0,
      { user: "claims['https://acme.example/email']", teams: "claims['https://acme.example/teams']" },
      { user: 'ann@acme.example', teams: ['core'], subject: 'auth0|507f1f77' },
    ],
    [
      'Keycloak',
      KEYCLOAK,
      { teams: 'claims.groups' },
      { user: 'ann@acme.example', teams: ['/core', '/core/leads'], subject: 'f1e2' },
    ],
  ])('[tokens:claim-shapes] of %s', async (_, claims, mapping, { user, teams, subject }) => {
    const { principal, said } = await principalOf(claims, mapping);
    expect(principal).toMatchObject({
      tenant: 'acme',
      kind: Principal_Kind.USER,
      id: `user:${user}`,
      user,
      teams,
      userTeams: teams,
      role: Principal_Role.MEMBER,
      identityProvider: 'login',
      expiresAtMs: (NOW + 330) * 1000,
      claimsJson: '',
      revision: 'uid-login.3',
    });
    expect(said.bound).toMatchObject([{ tenant: 'acme', provider: 'login', subject }]);
  });

  it.each<[string, object]>([
    [
      'a URL to ask for them',
      {
        groups: undefined,
        _claim_names: { groups: 'src1' },
        _claim_sources: { src1: { endpoint: 'https://graph.example' } },
      },
    ],
    ['a mark that there are some', { groups: undefined, hasgroups: true }],
    ['half of them beside the URL', { _claim_names: { groups: 'src1' } }],
  ])(
    '[tokens:claim-shapes] where Entra ID leaves groups out (%s), there are no teams and it is said',
    async (_, claims) => {
      const { principal, said } = await principalOf(
        { ...ENTRA, ...claims },
        { user: 'claims.preferred_username', teams: 'claims.groups' },
        {},
        { adminGroups: ['g-1'] },
      );
      expect(principal).toMatchObject({ teams: [], role: Principal_Role.MEMBER });
      expect(said.elsewhere).toBe(1);
    },
  );

  it('[tokens:claim-shapes] are admins by a group that the provider names so, or by the role of the mapping', async () => {
    const role = "'sallyport-admin' in claims.realm_access.roles ? 'Admin' : 'Member'";
    const of = async (mapping: object, spec: object) => (await principalOf(KEYCLOAK, mapping, {}, spec)).principal.role;
    expect(await of({ role }, {})).toBe(Principal_Role.ADMIN);
    expect(await of({ teams: 'claims.groups' }, { adminGroups: ['/core/leads'] })).toBe(Principal_Role.ADMIN);
    expect(await of({ teams: 'claims.groups' }, { adminGroups: ['core'] })).toBe(Principal_Role.MEMBER);
    for (const odd of ["'admin'", "'Owner'", 'claims.missing', "'__proto__'", "'constructor'"]) {
      expect(await of({ role: odd }, {})).toBe(Principal_Role.MEMBER);
    }
  });

  it('[tokens:claim-shapes] have the address as name only where the provider has verified it', async () => {
    for (const email_verified of [false, undefined, 'true']) {
      expect((await principalOf({ ...KEYCLOAK, email_verified })).principal.user).toBe('f1e2');
    }
  });

  it.each([
    ['gives nothing', "''"],
    ['gives blanks', "'  '"],
    ['fails', 'claims.missing'],
    ['gives no text', 'claims.groups'],
  ])('[tokens:claim-shapes] are refused where the mapping %s', async (_, user) => {
    await expect(principalOf(KEYCLOAK, { user })).rejects.toMatchObject({ reason: 'person-name' });
  });

  it('[tokens:claim-shapes] keep the claims that the provider keeps, and no others', async () => {
    const { principal } = await principalOf(ENTRA, {
      user: 'claims.preferred_username',
      claims: ['tid', 'groups', 'absent', 'toString'],
    });
    expect(JSON.parse(principal.claimsJson as string)).toEqual({ tid: ENTRA.tid, groups: ENTRA.groups });
  });

  it('[tokens:claim-shapes] bring what their declared application has, and none that is disabled', async () => {
    const declared = {
      'login gateway': client({ origin: 'human', instructionAuthority: { system: 'Authored', user: 'Typed' } }),
    };
    expect((await principalOf(KEYCLOAK, {}, declared)).principal).toMatchObject({
      client: 'reporter',
      origin: 'human',
      instructionAuthority: { systemAuthored: true, userTyped: true },
    });
    const disabled = { 'login gateway': client({ disabled: true }) };
    await expect(principalOf(KEYCLOAK, {}, disabled)).rejects.toMatchObject({ reason: 'disabled-client' });
  });
});

describe('applications, as providers tell of them', () => {
  it.each<[string, object, string]>([
    ['Okta', { ...OKTA, sub: '0oa1', groups: undefined }, '0oa1'],
    ['Entra ID by idtyp', { ...ENTRA, idtyp: 'app', azp: 'daemon', scp: undefined }, 'daemon'],
    ['Entra ID by its object', { ...ENTRA, azp: 'daemon', scp: undefined, sub: ENTRA.oid, roles: ['Read'] }, 'daemon'],
    [
      'Entra ID v1',
      { ...ENTRA, ver: '1.0', azp: undefined, appid: 'daemon', scp: undefined, sub: ENTRA.oid },
      'daemon',
    ],
    ['Auth0', { sub: 'm2m-1@clients', azp: 'm2m-1', gty: 'client-credentials' }, 'm2m-1'],
    ['Auth0 without gty', { sub: 'm2m-1@clients', azp: 'm2m-1' }, 'm2m-1'],
    ['Keycloak', { ...KEYCLOAK, azp: 'batch', preferred_username: 'service-account-batch' }, 'batch'],
    ['RFC 9068', { sub: 'svc', client_id: 'svc' }, 'svc'],
  ])('[tokens:claim-shapes] of %s are clients that somebody declared, and never people', async (_, claims, id) => {
    const { principal, said } = await principalOf(
      claims,
      { teams: 'claims.groups', role: "'Admin'" },
      { [`login ${id}`]: client() },
    );
    expect(principal).toMatchObject({
      kind: Principal_Kind.CLIENT,
      id: 'client:reporter',
      client: 'reporter',
      teams: ['reports'],
      role: Principal_Role.MEMBER,
    });
    expect(principal.user).toBeUndefined();
    expect(said.bound).toEqual([]);
    await expect(principalOf(claims)).rejects.toMatchObject({ reason: 'undeclared-client' });
  });
});

describe('service accounts', () => {
  const SPEC = { type: 'Kubernetes' };
  const of = (sub: string, spec: object = {}, clients = {}) => principalOf({ sub }, {}, clients, { ...SPEC, ...spec });

  it('[tokens:service-account] are clients of their own namespace, or of those that are named', async () => {
    const { principal } = await of('system:serviceaccount:acme:agent');
    expect(principal).toMatchObject({
      kind: Principal_Kind.CLIENT,
      id: 'client:acme/agent',
      client: 'acme/agent',
      teams: [],
    });
    await expect(of('system:serviceaccount:globex:agent')).rejects.toMatchObject({ reason: 'namespace' });
    const named = { namespaces: ['globex'] };
    expect((await of('system:serviceaccount:globex:agent', named)).principal.id).toBe('client:globex/agent');
    await expect(of('system:serviceaccount:acme:agent', named)).rejects.toMatchObject({ reason: 'namespace' });
  });

  it('[tokens:service-account] have the teams of their Client, and end with it; what is no account is refused', async () => {
    const declared = (spec: object) => ({ 'login acme/agent': client(spec) });
    const { principal } = await of('system:serviceaccount:acme:agent', {}, declared({}));
    expect(principal).toMatchObject({ id: 'client:acme/agent', client: 'reporter', teams: ['reports'] });
    await expect(of('system:serviceaccount:acme:agent', {}, declared({ disabled: true }))).rejects.toMatchObject({
      reason: 'disabled-client',
    });
    await expect(of('ann@acme.example')).rejects.toMatchObject({ reason: 'subject' });
  });
});

describe('what claims are cut to', () => {
  it('[tokens:claim-shapes] teams: each once, none that cannot be a name, at most 256', () => {
    expect(teamNames(['a', 'a', '', ' b', 'c ', 'd\n', 'x'.repeat(254), 'e f'])).toEqual(['a', 'e f']);
    expect(teamNames(Array.from({ length: 300 }, (_, index) => `t${index}`))).toHaveLength(256);
  });

  it('[tokens:claim-shapes] kept claims: whole ones, as many as fit', () => {
    const claims = { a: 'x'.repeat(8_000), b: 'y'.repeat(8_000), c: 1 };
    expect(Object.keys(JSON.parse(keptClaims(claims, ['a', 'b', 'c'])))).toEqual(['a']);
    expect(keptClaims({}, ['a', 'hasOwnProperty'])).toBe('');
  });
});
