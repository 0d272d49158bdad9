import { describe, expect, it } from '@jest/globals';
import type { Owner } from './owner.ts';
import { testVault } from './testing/vault.ts';

const ref = { name: 'openai', key: 'apiKey' };
const origin = 'https://api.openai.com';
const grant = {
  kind: 'ModelProvider',
  uid: 'uid-1',
  resourceName: 'openai',
  ref,
  origin,
  owners: ['User', 'Team', 'Organisation'],
};
const dana: Owner = { kind: 'user', name: 'dana' };
const support: Owner = { kind: 'team', name: 'support' };
const all: Owner = { kind: 'organisation', name: '' };
const principal = { tenant: 'acme', id: 'key:k1', user: 'dana', teams: ['sales', 'support'], keyId: 'k1' };
const wanted = { tenant: 'acme', ref, kind: 'ModelProvider', uid: 'uid-1', origin, principal };

async function lending(change: object = {}) {
  const vault = testVault();
  await vault.custody.put('acme', ref, 'sk-of-the-secret', 'v1');
  await vault.custody.grant('acme', { ...grant, ...change });
  const put = (owner: Owner, value: string, tenant = 'acme') =>
    vault.owned.put(tenant, { owner, kind: 'ModelProvider', resource: 'openai', value, by: 'user:ada' });
  const lease = (over: object = {}) => vault.lease('model-proxy', { ...wanted, ...over });
  return { ...vault, put, lease };
}

describe('credentials of users, teams and the organisation', () => {
  it('[vault:owner-order] are used in the order of the resource, and tell whose they are', async () => {
    const { put, lease } = await lending();
    await expect(lease()).resolves.toMatchObject({ value: 'sk-of-the-secret', owner: 'organisation' });
    await put(all, 'sk-all');
    await expect(lease()).resolves.toMatchObject({ value: 'sk-all', reference: 'organisation/openai#1' });
    await put(support, 'sk-support');
    await expect(lease()).resolves.toMatchObject({ value: 'sk-support', owner: 'team:support' });
    await put(dana, 'sk-dana');
    await expect(lease()).resolves.toMatchObject({ value: 'sk-dana', reference: 'user:dana/openai#1' });
    const other = { ...principal, user: 'bob', teams: [] };
    await expect(lease({ principal: other })).resolves.toMatchObject({ value: 'sk-all' });
    await expect(lease({ principal: undefined })).resolves.toMatchObject({ value: 'sk-all' });
  });

  it('[vault:owner-order] are not used of an owner that the resource does not name', async () => {
    const { put, lease } = await lending({ owners: ['User'], ref: undefined });
    const own = { ref: undefined };
    await expect(lease(own)).rejects.toMatchObject({ code: 'upstream_credentials', details: { missing: 'key' } });
    await expect(put(support, 'sk-support')).rejects.toMatchObject({ code: 'unsupported' });
    await put(dana, 'sk-dana');
    await expect(lease(own)).resolves.toMatchObject({ value: 'sk-dana' });
    await expect(lease({ ...own, principal: undefined })).rejects.toMatchObject({ code: 'upstream_credentials' });
  });

  it('[vault:heir] are not those of somebody who had the name before', async () => {
    const { put, lease } = await lending();
    await put(all, 'sk-all');
    await put(dana, 'sk-of-who-went');
    const heir = { ...principal, teams: [], userSinceMs: Date.now() + 1 };
    await expect(lease({ principal: heir })).resolves.toMatchObject({ value: 'sk-all' });
    await new Promise((later) => setTimeout(later, 2));
    await put(dana, 'sk-own');
    await expect(lease({ principal: heir })).resolves.toMatchObject({ value: 'sk-own' });
  });

  it('[vault:owned-origin] are never sent to a host that the resource had not when they were put in', async () => {
    const { put, lease, custody, owned } = await lending({ ref: undefined });
    await put(dana, 'sk-dana');
    await custody.grant('acme', { ...grant, ref: undefined, origin: 'https://evil.example' });
    const moved = { ref: undefined, origin: 'https://evil.example' };
    await expect(lease(moved)).rejects.toMatchObject({ code: 'upstream_credentials' });
    await expect(lease({ ref: undefined })).rejects.toMatchObject({ code: 'permission_denied' });
    const { credentials } = await owned.list('acme', [dana], 10, '');
    expect(credentials).toMatchObject([{ usable: false, origin: `${origin}:443` }]);
    await custody.grant('acme', { ...grant, ref: undefined });
    await expect(lease({ ref: undefined })).resolves.toMatchObject({ value: 'sk-dana' });
  });

  it('[vault:binding-recorded] record by reference what a resource resolves to, before and after', async () => {
    const { put, custody, owned, store } = await lending();
    await put(dana, 'sk-one');
    await put(dana, 'sk-two');
    await custody.grant('acme', { ...grant, ref: { name: 'other', key: 'apiKey' } });
    await custody.put('acme', ref, 'sk-renewed', 'v2');
    await owned.remove('acme', dana, 'ModelProvider', 'openai');
    const told = store.records.map(({ detailJson }) => JSON.parse(detailJson) as { action: string; change: object });
    expect(told.map(({ action }) => action)).toEqual([
      'credentials.bind',
      'credentials.put',
      'credentials.put',
      'credentials.bind',
      'credentials.renew',
      'credentials.remove',
    ]);
    expect(told[2]).toMatchObject({ change: { before: 'user:dana/openai#1', after: 'user:dana/openai#2' } });
    expect(told[3]).toMatchObject({
      change: { before: { secret: 'openai/apiKey' }, after: { secret: 'other/apiKey' } },
    });
    expect(JSON.stringify(told)).not.toContain('sk-');
  });

  it('[vault:notice-person] have leases of their person dropped, and of everybody only where more than one has them', async () => {
    const { put, owned, store } = await lending();
    const { head } = await store.invalidationsAfter(0, 100);
    await put(dana, 'sk-dana');
    await owned.remove('acme', dana, 'ModelProvider', 'openai');
    await put(support, 'sk-support');
    const { notices } = await store.invalidationsAfter(head, 100);
    expect(notices.map(({ resource }) => resource?.user)).toEqual(['dana', 'dana', '']);
  });

  it('tell a principal what they would use, by reference', async () => {
    const { put, owned } = await lending();
    await put(support, 'sk-support');
    const [one] = await owned.accessible('acme', principal);
    expect(one).toEqual({
      kind: 'ModelProvider',
      resourceName: 'openai',
      order: grant.owners,
      used: { reference: 'team:support/openai#1', owner: support },
    });
    await expect(owned.accessible('globex', principal)).resolves.toEqual([]);
  });

  it('[vault:tenant] are of one tenant, and for resources that are there', async () => {
    const { put, owned, lease } = await lending();
    await put(dana, 'sk-dana');
    await expect(put(dana, 'x', 'globex')).rejects.toMatchObject({ code: 'not_found' });
    await expect(owned.list('globex', [], 10, '')).resolves.toMatchObject({ credentials: [] });
    await expect(owned.remove('globex', dana, 'ModelProvider', 'openai')).resolves.toBe(false);
    await expect(lease({ tenant: 'globex', principal: undefined })).rejects.toMatchObject({
      code: 'permission_denied',
    });
    await expect(put({ kind: 'user', name: '' }, 'x')).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(put({ kind: 'organisation', name: 'x' }, 'x')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('tell every replica to drop leases of the resource', async () => {
    const { put, store } = await lending();
    const told = store.notices.length;
    await put(dana, 'sk-dana');
    expect(store.notices.slice(told)).toMatchObject([{ resource: { kind: 'ModelProvider', uid: 'uid-1' } }]);
  });
});
