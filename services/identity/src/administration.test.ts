import { describe, expect, it } from '@jest/globals';
import { stateOf } from './key.ts';
import { keySpec, testIdentity } from './testing/identity.ts';

const refused = { code: 'unauthenticated' };

describe('administration of keys', () => {
  it('[identity:tenant-keys] shows and changes no key of another tenant', async () => {
    const { administration } = testIdentity();
    const { key } = await administration.create('acme', keySpec(), '');
    const absent = { code: 'not_found' };
    await expect(administration.get('globex', key.id)).rejects.toMatchObject(absent);
    await expect(administration.update('globex', key.id, keySpec())).rejects.toMatchObject(absent);
    await expect(administration.revoke('globex', key.id, '')).rejects.toMatchObject(absent);
    await expect(administration.rotate('globex', key.id, 0)).rejects.toMatchObject(absent);
    expect((await administration.list('globex', 10, '')).keys).toEqual([]);
    expect((await administration.get('acme', key.id)).revokedAtMs).toBeUndefined();
  });

  it.each(['', '*'])('refuses the tenant %j, which would reach across all', async (tenant) => {
    const { administration, resourceKeys } = testIdentity();
    const fault = { code: 'invalid_request' };
    await expect(administration.list(tenant, 10, '')).rejects.toMatchObject(fault);
    await expect(administration.create(tenant, keySpec(), '')).rejects.toMatchObject(fault);
    await expect(resourceKeys.remove(tenant, 'uid')).rejects.toMatchObject(fault);
  });

  it('[identity:cr-owned-409] refuses to change what a resource owns', async () => {
    const { administration, resourceKeys } = testIdentity();
    const wanted = { tenant: 'acme', resourceUid: 'uid-1', spec: keySpec(), secret: '', regenerate: false };
    const { key } = await resourceKeys.upsert(wanted);
    const conflict = { code: 'conflict', details: { resource: { kind: 'VirtualKey', name: 'agent', uid: 'uid-1' } } };
    await expect(administration.update('acme', key.id, keySpec())).rejects.toMatchObject(conflict);
    await expect(administration.revoke('acme', key.id, '')).rejects.toMatchObject(conflict);
    await expect(administration.rotate('acme', key.id, 0)).rejects.toMatchObject(conflict);
    await expect(administration.create('acme', keySpec(), '')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('[identity:compare-and-set] refuses a change that was made of an older revision', async () => {
    const { administration } = testIdentity();
    const { key } = await administration.create('acme', keySpec(), '');
    await administration.update('acme', key.id, keySpec({ disabled: true }), key.revision);
    await expect(administration.update('acme', key.id, keySpec({ models: ['x'] }), key.revision)).rejects.toMatchObject(
      { code: 'conflict', details: { revision: key.revision + 1 } },
    );
    expect((await administration.get('acme', key.id)).spec.disabled).toBe(true);
  });

  it('ends a key for good, frees its name, and tells every replica', async () => {
    const { administration, authenticate, store, clock, pokes } = testIdentity();
    const { key, secret } = await administration.create('acme', keySpec(), '');
    const ended = await administration.revoke('acme', key.id, 'leaked');
    expect(stateOf(ended, clock.nowMs)).toBe('revoked');
    await administration.revoke('acme', key.id, 'again');
    expect(store.notices).toMatchObject([{ tenant: 'acme', keyId: key.id, sequence: 1 }]);
    expect(store.notices[0]?.reason).toMatch(/^revoked/);
    expect(pokes.count).toBe(2);
    await expect(authenticate(secret, 'mcp')).rejects.toMatchObject(refused);
    await expect(administration.update('acme', key.id, keySpec())).rejects.toMatchObject({ code: 'conflict' });
    await expect(administration.rotate('acme', key.id, 0)).rejects.toMatchObject({ code: 'conflict' });
    await expect(administration.create('acme', keySpec(), '')).resolves.toBeDefined();
  });

  it('tells of an edit, and says nothing when nothing changed', async () => {
    const { administration, authenticate, store } = testIdentity();
    const { key, secret } = await administration.create('acme', keySpec(), '');
    await administration.update('acme', key.id, keySpec());
    expect(store.notices).toEqual([]);
    await administration.update('acme', key.id, keySpec({ models: ['gpt-*'] }));
    expect((await authenticate(secret, 'mcp')).principal).toMatchObject({
      models: ['gpt-*'],
      revision: `${key.id}.2`,
    });
    await administration.update('acme', key.id, keySpec({ disabled: true }));
    expect(store.notices.map((notice) => notice.reason)).toEqual(['changed', 'disabled']);
  });

  it('[identity:rotation-grace] keeps the old secret for its grace, and a second rotation does not lengthen it', async () => {
    const { administration, authenticate, clock } = testIdentity();
    const first = await administration.create('acme', keySpec(), '');
    const id = first.key.id;
    const second = await administration.rotate('acme', id, 2000);
    expect(second.secret).not.toBe(first.secret);
    await expect(authenticate(first.secret, 'mcp')).resolves.toMatchObject({ cacheTtlMs: 2000 });
    await administration.rotate('acme', id, 60_000);
    clock.nowMs += 2000;
    await expect(authenticate(first.secret, 'mcp')).rejects.toMatchObject(refused);
    await expect(authenticate(second.secret, 'mcp')).resolves.toBeDefined();
    const last = await administration.rotate('acme', id, 0);
    await expect(authenticate(second.secret, 'mcp')).rejects.toMatchObject(refused);
    await expect(authenticate(last.secret, 'mcp')).resolves.toBeDefined();
  });

  it.each([-1, Number.NaN, 31 * 24 * 3600 * 1000])('refuses a grace of %d ms', async (graceMs) => {
    const { administration } = testIdentity();
    const { key } = await administration.create('acme', keySpec(), '');
    await expect(administration.rotate('acme', key.id, graceMs)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('[identity:idempotent-create] answers a repeated creation with the same key and secret, another request with a conflict', async () => {
    const { administration } = testIdentity();
    const first = await administration.create('acme', keySpec(), 'req-1');
    const again = await administration.create('acme', keySpec(), 'req-1');
    expect(again.key.id).toBe(first.key.id);
    expect(again.secret).toBe(first.secret);
    const other = administration.create('acme', keySpec({ name: 'other' }), 'req-1');
    await expect(other).rejects.toMatchObject({ code: 'conflict' });
    await expect(administration.create('globex', keySpec(), 'req-1')).resolves.not.toMatchObject({
      secret: first.secret,
    });
  });

  it('lists by pages, newest first', async () => {
    const { administration } = testIdentity();
    for (let n = 0; n < 5; n++) await administration.create('acme', keySpec({ name: `k${n}` }), '');
    const names: string[] = [];
    let token = '';
    do {
      const page = await administration.list('acme', 2, token);
      expect(page.keys.length).toBeLessThanOrEqual(2);
      names.push(...page.keys.map((key) => key.spec.name));
      token = page.nextPageToken;
    } while (token !== '');
    expect(names).toEqual(['k4', 'k3', 'k2', 'k1', 'k0']);
  });
});
