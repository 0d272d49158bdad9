import { describe, expect, it } from '@jest/globals';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import type { Person } from '../directory/person.ts';
import type { TrustedIssuer } from '../tokens/trusted-issuers.ts';
import { lookingAtPeople, saidBy } from './person-now.ts';
import type { SpokenOf } from './said-store.ts';

const issuer = {
  tenant: 'acme',
  provider: 'people',
  spec: { adminGroups: ['admins'], maxTokenAgeSeconds: 3_600, mapping: { claims: ['dept'] } },
  mapping: {
    user: () => undefined,
    teams: ({ groups }: { groups?: string[] }) => groups,
    role: ({ role }: { role?: string }) => role,
  },
} as unknown as TrustedIssuer;
const person = {
  tenant: 'acme',
  name: 'robin',
  displayName: 'Robin',
  provider: 'people',
  provisioned: false,
} as Person;
const claims = { groups: ['desk', 'admins '], role: 'Auditor', dept: 'sales', nonce: 'n', exp: 1 };

function look(found: Partial<SpokenOf> | undefined) {
  return lookingAtPeople({
    said: {
      about: async () => (found === undefined ? undefined : ({ person, said: undefined, ...found } as SpokenOf)),
    },
    directory: {
      standingOf: async (_tenant, name) => ({
        name,
        state: 'active',
        heirSinceMs: undefined,
        teams: ['of-the-directory'],
        ownedTeams: [],
      }),
      standingByClaims: async (_person, _claims, claimed) => ({ teams: ['base', ...claimed], ownedTeams: [] }),
    },
    trusted: { all: () => [issuer] },
  })('acme', 'robin');
}

const said = (more: object = {}) => ({ ...saidBy(issuer, claims), provider: 'people', ageSeconds: 10, ...more });

describe('what a person may now', () => {
  it('[identity:said] keeps of an ID token what its mapping makes of it, and nothing of the token', () => {
    expect(saidBy(issuer, claims)).toEqual({
      teams: ['desk'],
      role: 'Auditor',
      claims: { groups: ['desk', 'admins '], role: 'Auditor', dept: 'sales' },
    });
    // Too many groups for the token: none of them is known.
    expect(saidBy(issuer, { ...claims, hasgroups: true }).teams).toEqual([]);
    const large = { ...claims, photo: 'x'.repeat(20_000) };
    expect(saidBy(issuer, large).claims).toEqual({ dept: 'sales' });
  });

  it('[identity:said] is what the provider said at the last sign-in: teams, role, claims that are kept', async () => {
    expect(await look({ said: said() })).toEqual({
      state: 'active',
      displayName: 'Robin',
      teams: ['base', 'desk'],
      ownedTeams: [],
      role: Principal_Role.AUDITOR,
      claimsJson: '{"dept":"sales"}',
    });
    expect((await look({ said: said({ teams: ['admins'] }) })).role).toBe(Principal_Role.ADMIN);
  });

  it.each([
    ['is older than its tokens may be', { said: said({ ageSeconds: 3_601 }) }],
    ['is of another provider', { said: said({ provider: 'others' }) }],
    ['is of a provider that is gone', { person: { ...person, provider: 'gone' } }],
    ['was never said', {}],
  ])('[identity:said] is without it what the directory knows, where it %s', async (_name, found) => {
    expect(await look(found)).toMatchObject({ teams: ['base'], role: Principal_Role.MEMBER, claimsJson: '' });
  });

  it('is what the directory says of a name that nobody has, such as the owner of a key', async () => {
    expect(await look(undefined)).toMatchObject({ teams: ['of-the-directory'], role: Principal_Role.MEMBER });
  });
});
