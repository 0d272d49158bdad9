import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import fc from 'fast-check';
import { groupChanges } from './group-changes.ts';
import { applied, readPatch } from './patch.ts';
import { ENTERPRISE } from './schema-names.ts';
import { readUser } from './user-resource.ts';

const WORK = { type: 'work', value: 'ann@example.com', primary: true };
const ANN = {
  userName: 'ann@example.com',
  active: true,
  displayName: 'Ann',
  name: { givenName: 'Ann' },
  emails: [WORK],
};

const patched = (...Operations: object[]) => readUser(applied(ANN, readPatch({ Operations })), ANN.active);
const inGroup = (...Operations: object[]) => groupChanges(readPatch({ Operations }));
const refused = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof GatewayError && error.status < 500) return String(error.details?.scimType);
    throw error;
  }
  return 'none';
};

describe('changes of users', () => {
  it('[scim:patch-okta] takes what Okta sends: a value without a path', () => {
    expect(patched({ op: 'replace', value: { active: false } }).active).toBe(false);
    expect(patched({ op: 'replace', value: { userName: 'Ann.E@Example.com', title: 'x' } })).toMatchObject({
      name: 'ann.e@example.com',
      attributes: { title: 'x', name: { givenName: 'Ann' } },
    });
  });

  it('[scim:patch-entra] takes what Entra ID sends: texts for truth values, paths as names, filters as places', () => {
    expect(patched({ op: 'Replace', path: 'active', value: 'False' }).active).toBe(false);
    expect(patched({ op: 'Add', path: 'active', value: 'True' }).active).toBe(true);
    const { attributes, displayName } = patched(
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'new@example.com' },
      { op: 'Add', path: 'emails[type eq "other"].value', value: 'other@example.com' },
      { op: 'Add', path: `${ENTERPRISE}:department`, value: 'Finance' },
      { op: 'Add', path: `${ENTERPRISE}:manager`, value: 'id-of-the-boss' },
      {
        op: 'Replace',
        value: { 'name.familyName': 'Example', displayName: 'Ann E', [`${ENTERPRISE}:costCenter`]: '7' },
      },
      { op: 'Remove', path: 'title' },
    );
    expect(displayName).toBe('Ann E');
    expect(attributes).toEqual({
      name: { givenName: 'Ann', familyName: 'Example' },
      emails: [
        { ...WORK, value: 'new@example.com' },
        { type: 'other', value: 'other@example.com' },
      ],
      [ENTERPRISE]: { department: 'Finance', manager: { value: 'id-of-the-boss' }, costCenter: '7' },
    });
  });

  it('[scim:patch] takes lists whole, adds each value once, and removes by value, filter and part', () => {
    const more = { value: 'more@example.com' };
    expect(patched({ op: 'replace', path: 'emails', value: [more] }).attributes.emails).toEqual([more]);
    expect(patched({ op: 'add', path: 'emails', value: [more, more, WORK] }).attributes.emails).toHaveLength(3);
    expect(patched({ op: 'remove', path: 'emails[type eq "work"]' }).attributes.emails).toEqual([]);
    expect(patched({ op: 'remove', path: 'emails[primary eq true].primary' }).attributes.emails).toEqual([
      { type: 'work', value: WORK.value },
    ]);
    const many = Array.from({ length: 40 }, (_, index) => ({ value: `${index}@example.com` }));
    expect(patched({ op: 'add', path: 'emails', value: many }).attributes.emails).toHaveLength(41);
    expect(patched({ op: 'remove', path: 'name.givenName' }).attributes.name).toEqual({});
  });

  it('[scim:stays-inactive] brings nobody back by leaving active out', () => {
    const gone = { ...ANN, active: false };
    const change = readPatch({ Operations: [{ op: 'remove', path: 'active' }] });
    expect(readUser(applied(gone, change), false).active).toBe(false);
    expect(readUser({ userName: 'ann@example.com' }, false).active).toBe(false);
  });

  it('[scim:patch] refuses what cannot be read, by the reason of the RFC', () => {
    expect(refused(() => readPatch({}))).toBe('invalidSyntax');
    expect(refused(() => readPatch({ Operations: [] }))).toBe('invalidSyntax');
    expect(refused(() => patched({ op: 'move', path: 'title', value: 'x' }))).toBe('invalidSyntax');
    expect(refused(() => patched({ op: 'remove' }))).toBe('noTarget');
    expect(refused(() => patched({ op: 'replace', path: 'a b', value: 'x' }))).toBe('invalidPath');
    expect(refused(() => patched({ op: 'replace', path: '__proto__.polluted', value: 'x' }))).toBe('invalidPath');
    expect(refused(() => patched({ op: 'replace', path: 'emails[type sw "x"].value', value: 'x' }))).toBe('noTarget');
    expect(refused(() => patched({ op: 'replace', path: 'emails[type eq "work"]', value: 'x' }))).toBe('invalidValue');
    expect(refused(() => patched({ op: 'remove', path: 'userName' }))).toBe('invalidValue');
    expect(refused(() => patched({ op: 'replace', path: 'active', value: 'perhaps' }))).toBe('invalidValue');
    expect(refused(() => patched({ op: 'replace', path: 'externalId', value: 'x'.repeat(513) }))).toBe('invalidValue');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('[scim:patch-bounds] whatever is sent is refused as such or gives a user of bounded size, soon', () => {
    const name = fc.constantFrom(
      'userName',
      'active',
      'emails',
      'name',
      'title',
      ENTERPRISE,
      '__proto__',
      'constructor',
      'x',
    );
    const path = fc.oneof(
      name,
      fc.tuple(name, name).map((names) => names.join('.')),
      name.map((one) => `${one}[type eq "work"].value`),
      name.map((one) => `${one}[value co "a" or not (type pr)]`),
      fc.string({ unit: 'binary', maxLength: 40 }),
    );
    const value = fc.oneof(fc.jsonValue({ maxDepth: 5 }), fc.object({ key: name, maxDepth: 3 }), fc.array(fc.string()));
    const operation = fc.record(
      { op: fc.constantFrom('add', 'Replace', 'REMOVE'), path, value },
      { requiredKeys: ['op'] },
    );
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 30 }), (Operations) => {
        const began = process.cpuUsage();
        const before = JSON.stringify(ANN);
        refused(() => expect(JSON.stringify(patched(...Operations)).length).toBeLessThan(100_000));
        refused(() => inGroup(...Operations));
        expect(JSON.stringify(ANN)).toBe(before);
        expect(Object.keys(Object.prototype)).toEqual([]);
        expect(process.cpuUsage(began).user / 1_000).toBeLessThan(1_000);
      }),
      { numRuns: 1_000 },
    );
  });

  it('[scim:patch-bounds] a thousand operations on full lists take less than a second', () => {
    const values = (from: number) => Array.from({ length: 200 }, (_, index) => ({ a: from + index }));
    const Operations = Array.from({ length: 1_000 }, (_, index) => ({
      op: index % 2 === 0 ? 'add' : 'remove',
      path: 'emails',
      value: values(index),
    }));
    const began = process.cpuUsage();
    refused(() => patched(...Operations));
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(1_000);
    expect(refused(() => patched(...Operations, { op: 'add', path: 'title', value: 'x' }))).toBe('invalidSyntax');
  });
});

describe('changes of groups', () => {
  it('[scim:patch-okta] takes members as Okta sends them', () => {
    const members = [{ value: 'u1', display: 'ann' }, { value: 'u2' }];
    expect(inGroup({ op: 'add', path: 'members', value: members }).members).toEqual([
      { step: 'add', ids: ['u1', 'u2'] },
    ]);
    expect(inGroup({ op: 'remove', path: 'members[value eq "u1"]' }).members).toEqual([
      { step: 'remove', ids: ['u1'] },
    ]);
    expect(inGroup({ op: 'replace', path: 'members', value: [{ value: 'u3' }] }).members).toEqual([
      { step: 'clear' },
      { step: 'add', ids: ['u3'] },
    ]);
    expect(inGroup({ op: 'replace', value: { id: 'g1', displayName: 'desk' } })).toEqual({
      name: 'desk',
      externalId: undefined,
      members: [],
    });
  });

  it('[scim:patch-entra] takes members as Entra ID sends them', () => {
    expect(
      inGroup(
        { op: 'Add', path: 'members', value: [{ $ref: null, value: 'u1' }] },
        { op: 'Add', path: 'members', value: [{ $ref: null, value: 'u2' }] },
        { op: 'Remove', path: 'members', value: [{ $ref: null, value: 'u3' }] },
        { op: 'Replace', path: 'externalId', value: 'e-1' },
      ),
    ).toEqual({
      name: undefined,
      externalId: 'e-1',
      members: [
        { step: 'add', ids: ['u1', 'u2'] },
        { step: 'remove', ids: ['u3'] },
      ],
    });
    expect(inGroup({ op: 'remove', path: 'members' }).members).toEqual([{ step: 'clear' }]);
  });

  it('[scim:patch] refuses members, names and filters that cannot be', () => {
    expect(refused(() => inGroup({ op: 'add', path: 'members', value: [{ value: 'a\u0000' }] }))).toBe('invalidValue');
    expect(refused(() => inGroup({ op: 'add', path: 'members', value: [{ value: 7 }] }))).toBe('invalidValue');
    expect(refused(() => inGroup({ op: 'add', path: 'members[value eq "x"]', value: [] }))).toBe('invalidPath');
    expect(refused(() => inGroup({ op: 'replace', path: 'displayName', value: 'des\u200bk' }))).toBe('invalidValue');
    expect(refused(() => inGroup({ op: 'remove', path: 'displayName' }))).toBe('mutability');
    const looks = Array.from({ length: 17 }, () => ({ op: 'remove', path: 'members[display sw "a"]' }));
    expect(refused(() => inGroup(...looks))).toBe('tooMany');
  });
});
