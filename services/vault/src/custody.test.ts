import { describe, expect, it } from '@jest/globals';
import { secretPlace } from './envelope.ts';
import { testVault } from './testing/vault.ts';

const ref = { name: 'openai', key: 'apiKey' };
const grant = { kind: 'ModelProvider', uid: 'uid-1', resourceName: 'openai', ref, origin: 'https://api.openai.com' };

describe('custody', () => {
  it('is idempotent by the source’s version, and tells of each change once', async () => {
    const { custody, store } = testVault();
    await custody.put('acme', ref, 'one', 'v1');
    await custody.put('acme', ref, 'one', 'v1');
    expect(store.secrets.get('acme/openai/apiKey')?.revision).toBe(1);
    await custody.put('acme', ref, 'two', 'v2');
    expect(store.secrets.get('acme/openai/apiKey')?.revision).toBe(2);
    await custody.remove('acme', ref);
    await custody.remove('acme', ref);
    expect(store.notices).toHaveLength(3);
  });

  it('tells of both secrets when a resource goes over to another one, and of nothing for the same grant', async () => {
    const { custody, store } = testVault();
    await custody.grant('acme', grant);
    await custody.grant('acme', { ...grant, origin: 'https://api.openai.com:443/v1' });
    expect(store.notices.map((notice) => notice.ref?.name)).toEqual(['openai']);
    await custody.grant('acme', { ...grant, ref: { name: 'other', key: 'apiKey' } });
    expect(store.notices.map((notice) => notice.ref?.name)).toEqual(['openai', 'openai', 'other']);
  });

  it('keeps values of two tenants apart under data keys of their own', async () => {
    const { custody, store, envelope } = testVault();
    await custody.put('acme', ref, 'one', 'v1');
    await custody.put('globex', ref, 'two', 'v1');
    const [acme, globex] = ['acme', 'globex'].map((tenant) => store.secrets.get(`${tenant}/openai/apiKey`));
    expect(acme?.dataKeyId).not.toBe(globex?.dataKeyId);
    const key = await store.inTenant('acme', (tx) => tx.newestDataKey());
    const opened = envelope.open('acme', key as never, secretPlace(ref), acme?.sealed as Uint8Array);
    await expect(opened).resolves.toBe('one');
  });

  it('lists grants over all tenants, page by page', async () => {
    const { custody } = testVault();
    await custody.grant('acme', grant);
    await custody.grant('globex', { ...grant, uid: 'uid-2', kind: 'ToolServer', resourceName: 'mail' });
    const first = await custody.grants(1, '');
    expect(first.grants).toEqual([{ tenant: 'acme', kind: 'ModelProvider', uid: 'uid-1', resourceName: 'openai' }]);
    const second = await custody.grants(1, first.nextPageToken);
    expect(second).toMatchObject({ grants: [{ tenant: 'globex', uid: 'uid-2' }], nextPageToken: '' });
    await expect(custody.grants(1, 'x')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it.each([
    ['an empty value', ''],
    ['a value beyond 64 KiB', 'x'.repeat(65_537)],
  ])('refuses %s', async (_name, value) => {
    await expect(testVault().custody.put('acme', ref, value, 'v1')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('refuses a reference or a grant with a part missing', async () => {
    const { custody } = testVault();
    const fault = { code: 'invalid_request' };
    await expect(custody.put('acme', undefined, 'x', 'v1')).rejects.toMatchObject(fault);
    await expect(custody.put('acme', { ...ref, key: '' }, 'x', 'v1')).rejects.toMatchObject(fault);
    await expect(custody.grant('acme', { ...grant, uid: '' })).rejects.toMatchObject(fault);
    await expect(custody.grant('acme', { ...grant, origin: 'not a url' })).rejects.toMatchObject(fault);
  });
});
