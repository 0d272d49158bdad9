import { describe, expect, it } from '@jest/globals';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { grantsClientTools, grantsTool, type ResolvedAccess, resolveAccess } from './access.ts';
import { matchesAny } from './rules/glob.ts';
import { principalOfTest, snapshotOf, type TestResource } from './testing.ts';

const access = (name: string, spec: Record<string, unknown>, tenant = 'acme'): TestResource => ({
  kind: 'AccessPolicy',
  name,
  tenant,
  spec,
});

const RESOURCES = [
  access('everyone', { subjects: { everyone: true }, models: ['small'] }),
  access('ann', { subjects: { users: ['ann'] }, models: ['gpt-*'], tools: ['mail/*'] }),
  access('team', { subjects: { teams: ['core'] }, models: ['big'], endpoints: ['messages'] }),
  access('client', { subjects: { clients: ['agent'] }, tools: ['calendar/*'], clientTools: 'Deny' }),
  access('key-name', { subjects: { keys: ['agent-key'] }, models: ['named'] }),
  access('key-id', { subjects: { keys: ['k1'] }, models: ['by-id'] }),
  access('foreign', { subjects: { everyone: true }, models: ['*'] }, 'other'),
];

const granted = async (fields: Parameters<typeof principalOfTest>[0]) => {
  const snapshot = await snapshotOf(RESOURCES);
  const principal = principalOfTest(fields);
  return resolveAccess(principal, snapshot.tenants.get(principal.tenant));
};
const allowsModel = ({ grants, bounds }: ResolvedAccess, model: string) =>
  [grants, ...bounds.map((bound) => bound.grants)].every((side) => side.some((one) => matchesAny(one.models, model)));
const policies = async (fields: Parameters<typeof principalOfTest>[0]) =>
  (await granted(fields)).grants.map((grant) => grant.policy).sort();

describe('access', () => {
  it.each([
    [{ user: '', client: '', name: 'x', keyId: 'x' }, ['everyone']],
    [{ user: 'ann', client: '', name: 'x', keyId: 'x' }, ['ann', 'everyone']],
    [{ user: '', client: '', name: 'agent-key', keyId: 'k1' }, ['everyone', 'key-id', 'key-name']],
    [{ user: '', client: 'agent', teams: ['core'], name: 'x', keyId: 'x' }, ['client', 'everyone', 'team']],
    [{ kind: Principal_Kind.USER, id: 'user:ann', user: '', client: '', name: 'k1', keyId: '' }, ['ann', 'everyone']],
    [{ tenant: 'nobody' }, []],
    [{ tenant: 'other' }, ['foreign']],
  ])('[policy:access] %j is selected by %j', async (fields, expected) => {
    expect(await policies(fields)).toEqual(expected);
  });

  it('[policy:key-scope] the scope of a key narrows what is granted and never widens it', async () => {
    const fields = { client: '', name: 'x', keyId: 'x', models: ['*-mini', 'small', 'huge'], tools: ['mail/read'] };
    const { grants } = await granted(fields);
    expect(grants.find((one) => one.policy === 'ann')).toMatchObject({
      models: expect.arrayContaining(['gpt-*-mini']) as unknown as string[],
      tools: ['mail/read'],
    });
    expect(grants.find((one) => one.policy === 'everyone')).toMatchObject({ models: ['small'], tools: [] });
    expect(JSON.stringify(grants)).not.toContain('huge');
  });

  it('a scope of endpoints that no grant has leaves nothing', async () => {
    const all = await granted({ client: '', name: 'x', keyId: 'x', user: '', endpoints: [] });
    expect(all.grants).toHaveLength(1);
    const { grants } = await granted({
      teams: ['core'],
      user: '',
      client: '',
      name: 'x',
      keyId: 'x',
      endpoints: ['mcp'],
    });
    expect(grants.map((one) => [one.policy, one.endpoints])).toEqual([['everyone', ['mcp']]]);
  });

  it('[policy:delegation] a delegated chain has the intersection of rights', async () => {
    const actors = [
      { id: 'client:agent', kind: 'client', teams: ['core'], client: '' },
      { id: 'client:relay', kind: 'client', teams: [], client: 'relay' },
    ];
    const fields = { kind: Principal_Kind.USER, id: 'user:ann', user: 'ann', keyId: '', name: '', client: '' };
    const alone = await granted({ ...fields, teams: ['core'] });
    expect(['small', 'big', 'gpt-5'].map((model) => allowsModel(alone, model))).toEqual([true, true, true]);
    expect(grantsTool(alone, 'mail', 'read')).toBe(true);
    const one = await granted({ ...fields, teams: ['core'], actors: actors.slice(0, 1) });
    expect(['small', 'big', 'gpt-5'].map((model) => allowsModel(one, model))).toEqual([true, true, false]);
    expect([grantsTool(one, 'mail', 'read'), grantsTool(one, 'calendar', 'read')]).toEqual([false, false]);
    expect(grantsClientTools(one)).toBe(false);
    const both = await granted({ ...fields, teams: ['core'], actors });
    expect(['small', 'big', 'gpt-5'].map((model) => allowsModel(both, model))).toEqual([true, false, false]);
  });

  it.each([
    ['what its own policy gives', { name: 'agent-key', keyId: 'k1' }, 'named'],
    ['what its team gave', { teams: ['core'], userTeams: [] }, 'big'],
    ['what its client gives', { client: 'agent' }, 'any'],
  ])('[policy:owner-bound] a key has no more than its owner now: not %s', async (_, fields, model) => {
    const key = { user: 'bob', client: '', name: 'x', keyId: 'x', ...fields };
    const access = await granted(key);
    expect(allowsModel(access, model)).toBe(false);
    expect(grantsTool(access, 'calendar', 'read')).toBe(false);
    expect(access.bounds.map((bound) => bound.of)).toEqual(['user:bob']);
    // Of a key behind which nobody stands, it is its own.
    if (model !== 'any') expect(allowsModel(await granted({ ...key, user: '' }), model)).toBe(true);
    // What the owner has too, it has.
    expect(allowsModel(access, 'small')).toBe(true);
  });

  it('[policy:owner-bound] a key has what a team of its owner gives', async () => {
    const key = { user: 'bob', client: '', name: 'x', keyId: 'x', teams: ['core'], userTeams: ['core'] };
    expect(allowsModel(await granted(key), 'big')).toBe(true);
  });

  it('[policy:claims] subjects by claims are those for whom the expression is true, and nobody where it fails', async () => {
    const legal = access('legal', { subjects: { claims: "claims.department == 'Legal'" }, models: ['law'] });
    const snapshot = await snapshotOf([legal]);
    const selected = (claims: unknown) => {
      const fields = { kind: Principal_Kind.USER, id: 'user:ann', keyId: '', claimsJson: JSON.stringify(claims) };
      return resolveAccess(principalOfTest(fields), snapshot.tenants.get('acme')).grants.length === 1;
    };
    const none = resolveAccess(principalOfTest({ claimsJson: '' }), snapshot.tenants.get('acme'));
    expect([selected({ department: 'Legal' }), selected({ department: 'Sales' }), selected({}), selected([])]).toEqual([
      ...[true, false, false, false],
    ]);
    expect(none.grants).toEqual([]);
  });

  it('names of people are one whatever their case', async () => {
    expect(await policies({ user: 'Ann', client: '', name: 'x', keyId: 'x' })).toEqual(['ann', 'everyone']);
  });

  it.each([
    ['that said Deny', { subjects: { keys: ['k1'] }, models: 3, clientTools: 'Deny' }, true],
    ['of whose word on them nobody knows', { subjects: { keys: ['k1'] }, models: 3, clientTools: 'No' }, true],
    ['of whose subjects nobody knows', { subjects: { key: 'k1' }, clientTools: 'Deny' }, true],
    ['that may have misspelt it', { subjects: { keys: ['k1'] }, models: 3, clientTool: 'Deny' }, true],
    ['of others', { subjects: { keys: ['other'] }, models: 3, clientTools: 'Deny' }, false],
    ['that said nothing of it', { subjects: { keys: ['k1'] }, models: 3 }, false],
  ])(
    '[policy:unreadable] an AccessPolicy that cannot be read, %s, keeps its Deny and grants nothing',
    async (_, spec, denied) => {
      const snapshot = await snapshotOf([access('bad', spec), RESOURCES[1] as TestResource]);
      const resolved = resolveAccess(principalOfTest({ client: '' }), snapshot.tenants.get('acme'));
      expect(grantsClientTools(resolved)).toBe(!denied);
      expect(resolved.grants.flatMap(({ models, tools }) => [...models, ...tools])).toEqual(['gpt-*', 'mail/*']);
    },
  );

  it('[policy:sandbox] a server in stage Sandbox is closed to all but those whose every side reviews it', async () => {
    const reviewers = { users: ['Ann'], teams: ['security'] };
    const staged = { remote: { url: 'https://x.example' }, stage: 'Sandbox', reviewers };
    const snapshot = await snapshotOf([
      access('all', { subjects: { everyone: true }, tools: ['*/*'] }),
      { kind: 'ToolServer', name: 'bank', tenant: 'acme', spec: staged },
      { kind: 'ToolServer', name: 'mail', tenant: 'acme', spec: { remote: { url: 'https://x.example' } } },
    ]);
    const of = (fields: Parameters<typeof principalOfTest>[0]) => {
      const principal = principalOfTest({ tenant: 'acme', client: '', name: 'x', keyId: 'x', ...fields });
      return resolveAccess(principal, snapshot.tenants.get('acme'));
    };
    expect(grantsTool(of({ user: 'ann' }), 'bank', 'pay')).toBe(true);
    expect(grantsTool(of({ user: 'bob' }), 'bank', 'pay')).toBe(false);
    expect(grantsTool(of({ user: 'bob' }), 'mail', 'read')).toBe(true);
    // The team of a key is not that of its owner.
    expect(grantsTool(of({ user: 'bob', teams: ['security'] }), 'bank', 'pay')).toBe(false);
    expect(grantsTool(of({ user: 'bob', teams: ['security'], userTeams: ['security'] }), 'bank', 'pay')).toBe(true);
    const actors = [{ kind: 'user', id: 'user:bob', teams: [], client: '' }];
    expect(grantsTool(of({ user: 'ann', actors }), 'bank', 'pay')).toBe(false);
  });
});
