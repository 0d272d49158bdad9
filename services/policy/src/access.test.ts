import { describe, expect, it } from '@jest/globals';
import { AccessGrant_ClientTools } from '@sallyport/proto/policy/v1/policy_pb';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { grantsClientTools, resolveAccess } from './access.ts';
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
const policies = async (fields: Parameters<typeof principalOfTest>[0]) =>
  (await granted(fields)).map((grant) => grant.policy).sort();

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
    const grants = await granted(fields);
    expect(grants.find((one) => one.policy === 'ann')).toMatchObject({
      models: expect.arrayContaining(['gpt-*-mini']) as unknown as string[],
      tools: ['mail/read'],
    });
    expect(grants.find((one) => one.policy === 'everyone')).toMatchObject({ models: ['small'], tools: [] });
    expect(JSON.stringify(grants)).not.toContain('huge');
  });

  it('a scope of endpoints that no grant has leaves nothing', async () => {
    expect(await granted({ client: '', name: 'x', keyId: 'x', user: '', endpoints: [] })).toHaveLength(1);
    const grants = await granted({ teams: ['core'], user: '', client: '', name: 'x', keyId: 'x', endpoints: ['mcp'] });
    expect(grants.map((one) => [one.policy, one.endpoints])).toEqual([['everyone', ['mcp']]]);
  });

  it('[policy:delegation] a delegated chain has the intersection of rights', async () => {
    const actors = [{ id: 'agent', kind: 'client' }];
    const grants = await granted({ user: 'ann', client: '', name: 'x', keyId: 'x', actors });
    const models = new Set(grants.flatMap((one) => one.models));
    expect([...models]).toEqual(['small']);
    expect(grants.flatMap((one) => one.tools)).toEqual([]);
    expect(grants.some((one) => one.clientTools === AccessGrant_ClientTools.DENY)).toBe(true);
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
      const grants = resolveAccess(principalOfTest({ client: '' }), snapshot.tenants.get('acme'));
      expect(grantsClientTools(grants)).toBe(!denied);
      expect(grants.flatMap(({ models, tools }) => [...models, ...tools])).toEqual(['gpt-*', 'mail/*']);
    },
  );
});
