import { describe, expect, it } from '@jest/globals';
import { secretValue } from './leasing.ts';
import { NEW_MASTER, OLD_MASTER, testVault } from './testing/vault.ts';

const ref = { name: 'openai', key: 'apiKey' };
const VALUE = 'sk-canary-0123456789';
const grant = { kind: 'ModelProvider', uid: 'uid-1', resourceName: 'openai', ref, origin: 'https://api.openai.com/v1' };
const dana = { tenant: 'acme', id: 'key:k1', user: 'dana', teams: ['support'], keyId: 'k1' };
const wanted = {
  tenant: 'acme',
  ref,
  kind: 'ModelProvider',
  uid: 'uid-1',
  origin: 'https://api.openai.com',
  principal: dana,
};
const refusal = {
  code: 'permission_denied',
  message: 'This credential is not granted to this resource for this origin.',
};

async function granted() {
  const vault = testVault();
  await vault.custody.put('acme', ref, VALUE, 'v1');
  await vault.custody.grant('acme', grant);
  return vault;
}

describe('leasing', () => {
  it('gives the value to the service of that kind for a short time, and logs the reference only', async () => {
    const { lease, leased, lines } = await granted();
    await expect(lease('model-proxy', wanted)).resolves.toEqual({
      value: VALUE,
      reference: 'openai/apiKey#1',
      owner: 'organisation',
      scopes: [],
      leaseTtlMs: 10_000,
    });
    expect(leased).toEqual([
      {
        tenant: 'acme',
        caller: 'model-proxy',
        actor: { principalKind: 'key', principalId: 'key:k1', user: 'dana', teams: ['support'], keyId: 'k1' },
        kind: 'ModelProvider',
        uid: 'uid-1',
        resourceName: 'openai',
        reference: 'openai/apiKey#1',
      },
    ]);
    expect(lines.join('')).toContain('openai/apiKey#1');
    expect(lines.join('')).not.toContain('canary');
  });

  it.each<[string, string, Partial<typeof wanted>]>([
    ['[vault:own-kind] another service’s kind', 'mcp-broker', {}],
    ['[vault:own-kind] a caller without a kind', 'policy', {}],
    ['[vault:own-kind] a caller named like a property of every object', 'constructor', {}],
    ['another kind', 'model-proxy', { kind: 'ToolServer' }],
    ['a resource without a grant', 'model-proxy', { uid: 'uid-2' }],
    ['[vault:tenant] another tenant', 'model-proxy', { tenant: 'globex', principal: { ...dana, tenant: 'globex' } }],
    ['[vault:tenant] a principal of another tenant', 'model-proxy', { principal: { ...dana, tenant: 'globex' } }],
    ['another secret', 'model-proxy', { ref: { name: 'openai', key: 'other' } }],
    ['[vault:origin] another host', 'model-proxy', { origin: 'https://evil.example' }],
    ['[vault:origin] another scheme', 'model-proxy', { origin: 'http://api.openai.com' }],
    ['[vault:origin] another port', 'model-proxy', { origin: 'https://api.openai.com:8443' }],
    ['[vault:origin] no origin', 'model-proxy', { origin: '' }],
  ])('refuses %s', async (_name, caller, change) => {
    const { lease, leased } = await granted();
    await expect(lease(caller, { ...wanted, ...change })).rejects.toMatchObject(refusal);
    expect(leased).toEqual([]);
  });

  it.each(['', '*'])('refuses the tenant %j, which would reach across all', async (tenant) => {
    const { lease, custody } = await granted();
    await expect(lease('model-proxy', { ...wanted, tenant })).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(custody.put(tenant, ref, 'x', '')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('[vault:rebind] voids the credential when the origin changes until it is granted anew', async () => {
    const { lease, custody, store } = await granted();
    const told = store.notices.length;
    await custody.grant('acme', { ...grant, origin: 'https://eu.openai.example' });
    expect(store.notices.slice(told)).toEqual([{ tenant: 'acme', ref, sequence: told + 1 }]);
    await expect(lease('model-proxy', wanted)).rejects.toMatchObject(refusal);
    const moved = { ...wanted, origin: 'https://eu.openai.example' };
    await expect(lease('model-proxy', moved)).resolves.toMatchObject({ value: VALUE });
    await custody.revokeGrant('acme', 'ModelProvider', 'uid-1');
    await expect(lease('model-proxy', moved)).rejects.toMatchObject(refusal);
  });

  it('says that the credential is missing when the Secret is gone', async () => {
    const { lease, custody } = await granted();
    await custody.remove('acme', ref);
    await expect(lease('model-proxy', wanted)).rejects.toMatchObject({ code: 'upstream_credentials' });
  });

  it('[vault:missing-secret] says that the Secret is missing, where a client is to prove itself by it', async () => {
    const { custody, store, envelope } = await granted();
    const row = { ...grant, owners: [], auth: {}, url: '', allowPrivate: false };
    await expect(secretValue({ store, envelope }, 'acme', row)).resolves.toBe(VALUE);
    await expect(secretValue({ store, envelope }, 'acme', { ...row, ref: undefined })).resolves.toBeUndefined();
    await custody.remove('acme', ref);
    await expect(secretValue({ store, envelope }, 'acme', row)).rejects.toMatchObject({
      code: 'upstream_credentials',
      details: { missing: 'secret', server: 'openai' },
    });
  });

  it('goes on under a new master key', async () => {
    const { store } = await granted();
    const rotated = testVault([NEW_MASTER, OLD_MASTER], store);
    await expect(rotated.lease('model-proxy', wanted)).resolves.toMatchObject({ value: VALUE });
  });
});
