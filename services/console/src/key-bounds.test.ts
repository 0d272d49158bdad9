import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Role, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Caller } from './caller.ts';
import { checkMayMake, mayEnd, maySee, visibleKeys } from './key-bounds.ts';

const caller = (role: Caller['role'], init: MessageInitShape<typeof PrincipalSchema> = {}): Caller => ({
  role,
  principal: create(PrincipalSchema, { tenant: 'acme', id: 'key:k', ...init }),
});
const spec = (init: MessageInitShape<typeof KeySpecSchema> = {}) => create(KeySpecSchema, { name: 'bot', ...init });
const lead = caller('Member', { user: 'lea', teams: ['sales'], ownedTeams: ['sales'] });
const pathOf = (work: () => void): unknown => {
  try {
    work();
  } catch (error) {
    return (error as { details?: { path?: string } }).details?.path ?? 'refused';
  }
  return 'allowed';
};

describe('keys within the bounds of a caller', () => {
  it('[console:team-owner] shows Members their own, owners of teams those of their teams, and nobody without a name any', () => {
    expect(visibleKeys(caller('Auditor'))).toEqual({ owner: '', teams: [] });
    expect(visibleKeys(caller('Member', { user: 'lea' }))).toEqual({ owner: 'lea', teams: [] });
    expect(visibleKeys(lead)).toEqual({ owner: 'lea', teams: ['sales'] });
    expect(visibleKeys(caller('Member'))).toBeUndefined();
    expect(maySee(caller('Member'), spec())).toBe(false);
    expect(maySee(lead, spec({ teams: ['sales'] }))).toBe(true);
    expect(maySee(lead, spec({ teams: ['sales', 'legal'] }))).toBe(false);
    expect(maySee(lead, spec())).toBe(false);
  });

  it('[console:team-owner] lets Members end their own keys and owners of teams those of their teams, but no Admin of it', () => {
    expect(mayEnd(caller('Member', { user: 'lea' }), spec({ owner: 'lea', role: Principal_Role.ADMIN }))).toBe(true);
    expect(mayEnd(caller('Member', { user: 'lea' }), spec({ teams: ['sales'] }))).toBe(false);
    expect(mayEnd(lead, spec({ teams: ['sales'], owner: 'somebody' }))).toBe(true);
    expect(mayEnd(lead, spec({ teams: ['sales'], role: Principal_Role.ADMIN }))).toBe(false);
    expect(mayEnd(caller('Auditor', { user: 'lea' }), spec({ teams: ['sales'] }))).toBe(false);
  });

  it.each<[string, MessageInitShape<typeof KeySpecSchema>, unknown]>([
    ['a key of an owned team', { teams: ['sales'], tags: ['eu'], mayAssert: ['feature'] }, 'allowed'],
    ['one for themselves', { teams: ['sales'], owner: 'lea' }, 'allowed'],
    ['one without a team', {}, '/teams'],
    ['one of another team', { teams: ['sales', 'legal'] }, '/teams'],
    ['an Admin', { teams: ['sales'], role: Principal_Role.ADMIN }, '/role'],
    ['one that acts for somebody else', { teams: ['sales'], owner: 'ceo' }, '/owner'],
    ['one of a declared client', { teams: ['sales'], client: 'desk' }, '/client'],
    ['one that costs another customer', { teams: ['sales'], customer: 'x' }, '/customer'],
    ['one whose runs humans start', { teams: ['sales'], origin: 'human' }, '/origin'],
    [
      'one whose words are typed',
      { teams: ['sales'], instructionAuthority: { userTyped: true } },
      '/instructionAuthority',
    ],
    ['one that says who somebody is', { teams: ['sales'], mayAssert: ['user'] }, '/mayAssert'],
  ])('[console:team-owner] decides whether an owner of teams makes %s', (_what, init, expected) => {
    expect(pathOf(() => checkMayMake(lead, spec(init)))).toBe(expected);
    expect(pathOf(() => checkMayMake(caller('Admin'), spec(init)))).toBe('allowed');
  });

  it('[console:team-owner] lets what an Admin set stay, and keys of others alone', () => {
    const earlier = spec({ teams: ['sales'], owner: 'ceo', client: 'desk', instructionAuthority: { userTyped: true } });
    expect(pathOf(() => checkMayMake(lead, { ...earlier, tags: ['eu'] }, earlier))).toBe('allowed');
    expect(pathOf(() => checkMayMake(lead, { ...earlier, client: 'other' }, earlier))).toBe('/client');
    const foreign = spec({ teams: ['legal'] });
    expect(pathOf(() => checkMayMake(lead, { ...foreign, teams: ['sales'] }, foreign))).toBe('refused');
    expect(pathOf(() => checkMayMake(caller('Member', { user: 'eve' }), spec({ owner: 'eve' })))).toBe('refused');
    expect(pathOf(() => checkMayMake(caller('Auditor'), spec()))).toBe('refused');
  });
});
