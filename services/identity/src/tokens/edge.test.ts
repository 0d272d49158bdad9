import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { EdgeIdentitySchema } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { createAuthenticateEdge } from './edge.ts';
import { testSources, trustedIssuer } from './testing.ts';

const EDGES = [
  { san: 'edge.example', tenant: 'acme', provider: 'login' },
  { san: 'cluster.example', tenant: 'acme', provider: 'cluster' },
  { san: 'lost.example', tenant: 'acme', provider: 'gone' },
];
const MAPPING = { teams: 'claims.groups', claims: ['groups'] };

function edges() {
  const lines: string[] = [];
  const refused: string[] = [];
  const { sources, said } = testSources();
  const all = [
    trustedIssuer({ mapping: { user: "'mallory'" } }, 'login', 'globex'),
    trustedIssuer({ mapping: MAPPING, adminGroups: ['admins'] }),
    trustedIssuer({ type: 'Kubernetes', mapping: { user: 'claims.sub' } }, 'cluster'),
  ];
  const authenticate = createAuthenticateEdge({
    edges: EDGES,
    issuers: { all: () => all },
    sources,
    cacheTtlMs: 10_000,
    log: createLogger({ service: 'identity', write: (line) => lines.push(line) }),
    onRefused: (reason) => refused.push(reason),
    now: () => 1_800_000_000_000,
  });
  const ask = (change: object = {}) => {
    const said = { san: 'edge.example', user: 'u-1', email: 'Ann@acme.example', groups: ['core'], ...change };
    return authenticate(create(EdgeIdentitySchema, said), 'messages');
  };
  return { ask, said, lines, refused };
}

describe('what an edge vouches for', () => {
  it('[tokens:edge-person] is a person of its own identity provider, as a token of theirs would be', async () => {
    const { ask, said } = edges();
    const { principal, cacheTtlMs } = await ask();
    expect(principal).toMatchObject({
      tenant: 'acme',
      kind: Principal_Kind.USER,
      id: 'user:ann@acme.example',
      user: 'ann@acme.example',
      teams: ['core'],
      identityProvider: 'login',
      role: Principal_Role.MEMBER,
      claimsJson: '{"groups":["core"]}',
      // It is said anew with each request: a cached answer never turns into a refusal by itself.
      expiresAtMs: 0,
    });
    expect(cacheTtlMs).toBe(10_000);
    expect(said.bound).toMatchObject([{ tenant: 'acme', provider: 'login', subject: 'u-1', name: 'Ann@acme.example' }]);
  });

  it('[tokens:edge-person] has the name that the provider has for them where no address is told, and its admins', async () => {
    const { ask } = edges();
    expect((await ask({ email: '', groups: ['admins'] })).principal).toMatchObject({
      id: 'user:u-1',
      role: Principal_Role.ADMIN,
    });
  });

  it.each<[string, object, string]>([
    ['an edge that nobody declared', { san: 'other.example' }, 'issuer'],
    ['an edge whose provider is not there', { san: 'lost.example' }, 'issuer'],
    ['an edge at a cluster, whose accounts are no people', { san: 'cluster.example' }, 'issuer'],
    ['nobody', { user: '' }, 'subject'],
    ['a line end', { user: 'u-1\nadmin' }, 'subject'],
    ['a turn of the direction', { user: 'u\u202e-1' }, 'subject'],
    ['300 letters', { user: 'u'.repeat(300) }, 'subject'],
  ])('[tokens:edge-person] is refused for %s, without a word of it in the log', async (_, change, reason) => {
    const { ask, said, lines, refused } = edges();
    await expect(ask(change)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect([refused, said.bound]).toEqual([[reason], []]);
    expect(lines.join()).not.toMatch(/u-1|acme\.example/);
  });
});
