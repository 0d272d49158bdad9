import { describe, expect, it } from '@jest/globals';
import { keySpec, PEPPERS, testIdentity } from './testing/identity.ts';

const wanted = { tenant: 'acme', resourceUid: 'uid-1', spec: keySpec(), secret: '', regenerate: false };
const chosen = { ...wanted, secret: 'chosen-by-the-platform-team' };
const refused = { code: 'unauthenticated' };

describe('keys of VirtualKey resources', () => {
  it('[identity:upsert-idempotent] shows a generated secret once and changes nothing when asked again', async () => {
    const { resourceKeys, authenticate, store } = testIdentity();
    const first = await resourceKeys.upsert(wanted);
    expect(first.generatedSecret).not.toBe('');
    const again = await resourceKeys.upsert(wanted);
    expect(again).toMatchObject({ generatedSecret: '', key: { id: first.key.id, revision: first.key.revision } });
    await expect(authenticate(first.generatedSecret, 'mcp')).resolves.toBeDefined();
    expect(store.notices).toEqual([]);
  });

  it('generates anew when the target Secret is gone, and the old secret ends', async () => {
    const { resourceKeys, authenticate, store } = testIdentity();
    const first = await resourceKeys.upsert(wanted);
    const second = await resourceKeys.upsert({ ...wanted, regenerate: true });
    await expect(authenticate(first.generatedSecret, 'mcp')).rejects.toMatchObject(refused);
    await expect(authenticate(second.generatedSecret, 'mcp')).resolves.toBeDefined();
    expect(second.key.id).toBe(first.key.id);
    expect(store.notices.map((notice) => notice.reason)).toEqual(['rotated']);
  });

  it('takes a chosen secret, follows its change, and goes over to a generated one', async () => {
    const { resourceKeys, authenticate } = testIdentity();
    expect((await resourceKeys.upsert(chosen)).generatedSecret).toBe('');
    const revision = (await resourceKeys.upsert(chosen)).key.revision;
    expect((await resourceKeys.upsert(chosen)).key.revision).toBe(revision);
    await expect(authenticate(chosen.secret, 'mcp')).resolves.toBeDefined();
    const next = { ...chosen, secret: 'another-value-since-tuesday' };
    await resourceKeys.upsert(next);
    await expect(authenticate(chosen.secret, 'mcp')).rejects.toMatchObject(refused);
    await expect(authenticate(next.secret, 'mcp')).resolves.toBeDefined();
    const generated = await resourceKeys.upsert(wanted);
    await expect(authenticate(next.secret, 'mcp')).rejects.toMatchObject(refused);
    await expect(authenticate(generated.generatedSecret, 'mcp')).resolves.toBeDefined();
  });

  it('refuses a secret that another key has, and one that is weak', async () => {
    const { resourceKeys } = testIdentity();
    await resourceKeys.upsert(chosen);
    const other = { ...chosen, tenant: 'globex', resourceUid: 'uid-2' };
    await expect(resourceKeys.upsert(other)).rejects.toMatchObject({ code: 'conflict' });
    await expect(resourceKeys.upsert({ ...other, secret: 'short' })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { path: '/secretRef' },
    });
  });

  it('[identity:chosen-secret-once] keeps a chosen secret with the key that had it first, over a change of peppers too', async () => {
    const { resourceKeys, over } = testIdentity();
    await resourceKeys.upsert(chosen);
    const later = over([{ id: 'p2', key: Buffer.alloc(32, 8) }, ...PEPPERS]);
    const other = { ...chosen, tenant: 'globex', resourceUid: 'uid-2' };
    const taken = { code: 'conflict', details: { path: '/secretRef' } };
    await expect(later.resourceKeys.upsert(other)).rejects.toMatchObject(taken);
    await expect(later.authenticate(chosen.secret, 'mcp')).resolves.toMatchObject({ principal: { tenant: 'acme' } });
    await expect(later.resourceKeys.upsert(other)).rejects.toMatchObject(taken);
    await expect(later.resourceKeys.upsert(chosen)).resolves.toMatchObject({ generatedSecret: '' });
  });

  it('[identity:keep-secret] lets a key follow its spec while its secret cannot be told', async () => {
    const { resourceKeys, authenticate } = testIdentity();
    const kept = { ...wanted, keepSecret: true };
    await expect(resourceKeys.upsert(kept)).rejects.toMatchObject({ code: 'not_found' });
    await resourceKeys.upsert(chosen);
    await resourceKeys.upsert({ ...kept, spec: keySpec({ models: ['small'] }) });
    await expect(authenticate(chosen.secret, 'mcp')).resolves.toMatchObject({ principal: { models: ['small'] } });
    await resourceKeys.upsert({ ...kept, spec: keySpec({ disabled: true }) });
    await expect(authenticate(chosen.secret, 'mcp')).rejects.toMatchObject(refused);
  });

  it('lists live keys of resources over all tenants, page by page', async () => {
    const { resourceKeys, administration } = testIdentity();
    for (const tenant of ['acme', 'globex', 'hooli']) await resourceKeys.upsert({ ...wanted, tenant });
    await administration.create('acme', keySpec({ name: 'by-hand' }), '');
    await resourceKeys.remove('globex', 'uid-1');
    const first = await resourceKeys.list(1, '');
    expect(first.keys).toMatchObject([{ tenant: 'acme', resourceUid: 'uid-1', name: 'agent' }]);
    const second = await resourceKeys.list(1, first.nextPageToken);
    expect(second).toMatchObject({ keys: [{ tenant: 'hooli' }], nextPageToken: '' });
  });

  it('ends the key with its resource, and a returning resource gets a new key', async () => {
    const { resourceKeys, authenticate, store } = testIdentity();
    const first = await resourceKeys.upsert(chosen);
    await resourceKeys.remove('acme', 'uid-1');
    await resourceKeys.remove('acme', 'uid-1');
    await expect(authenticate(chosen.secret, 'mcp')).rejects.toMatchObject(refused);
    expect(store.notices.map((notice) => notice.reason)).toEqual(['removed']);
    const second = await resourceKeys.upsert(chosen);
    expect(second.key.id).not.toBe(first.key.id);
    await expect(authenticate(chosen.secret, 'mcp')).resolves.toBeDefined();
  });

  it('replaces the key of a resource of the same name whose removal was missed', async () => {
    const { resourceKeys, authenticate } = testIdentity();
    const first = await resourceKeys.upsert(wanted);
    const second = await resourceKeys.upsert({ ...wanted, resourceUid: 'uid-2' });
    await expect(authenticate(first.generatedSecret, 'mcp')).rejects.toMatchObject(refused);
    await expect(authenticate(second.generatedSecret, 'mcp')).resolves.toBeDefined();
  });

  it('does not take the name of a key that the admin API made', async () => {
    const { resourceKeys, administration } = testIdentity();
    await administration.create('acme', keySpec(), '');
    await expect(resourceKeys.upsert(wanted)).rejects.toMatchObject({ code: 'conflict' });
  });
});
