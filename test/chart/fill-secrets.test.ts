import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ensureCertificates } from '@sallyport/cli/dev/certificates';
import { fillCertificates, fillSecrets, type Plan } from '../../deploy/image/fill-secrets.ts';
import type { SecretsApi } from '../../deploy/image/secrets-api.ts';

const dir = mkdtempSync(join(tmpdir(), 'sallyport-fill-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function fakeApi(names: readonly string[], conflicts = 0) {
  const stored = new Map(names.map((name) => [name, { version: 1, data: {} as Record<string, string> }]));
  let refuse = conflicts;
  const api: SecretsApi = {
    async read(name) {
      const found = stored.get(name);
      if (found === undefined) throw new Error(`Secret ${name} cannot be read: 404`);
      return { version: String(found.version), data: { ...found.data } };
    },
    async write(name, data, version) {
      const found = stored.get(name);
      if (found === undefined || String(found.version) !== version || refuse-- > 0) return false;
      Object.assign(found.data, data);
      found.version += 1;
      return true;
    },
  };
  return { api, data: (name: string) => stored.get(name)?.data ?? {} };
}

describe('filling Secrets', () => {
  const plan: Plan = {
    secrets: {
      'a-keys': { 'postgres-password': 'text', 'seal-keys': 'keys', signing: 'signing-keys' },
      'db-keys': { url: 'from:postgresql://postgres:{password}@db:5432/gate', password: 'text' },
    },
  };

  it('[bootstrap:fill] makes what is missing, in the forms that services read', async () => {
    const { api, data } = fakeApi(['a-keys', 'db-keys']);
    expect(await fillSecrets(plan, api)).toHaveLength(5);
    expect(data('a-keys')['postgres-password']).toMatch(/^[0-9a-f]{48}$/);
    const [key] = JSON.parse(data('a-keys')['seal-keys'] ?? '') as { id: string; key: string }[];
    expect([key?.id, Buffer.from(key?.key ?? '', 'base64').length]).toEqual(['k1', 32]);
    expect(JSON.parse(data('a-keys').signing ?? '')).toMatchObject({ keys: [{ kty: 'EC', alg: 'ES256' }] });
    expect(data('db-keys').url).toBe(`postgresql://postgres:${data('db-keys').password}@db:5432/gate`);
  });

  it('[bootstrap:keep] never changes what is there, at an upgrade either', async () => {
    const { api, data } = fakeApi(['a-keys', 'db-keys']);
    await fillSecrets(plan, api);
    const before = { ...data('a-keys') };
    const more: Plan = { secrets: { ...plan.secrets, 'a-keys': { ...plan.secrets['a-keys'], added: 'text' } } };
    expect(await fillSecrets(more, api)).toEqual(['a-keys/added']);
    expect(data('a-keys')).toMatchObject(before);
  });

  it('[bootstrap:keep] looks again when somebody else wrote meanwhile, and gives up in the end', async () => {
    await expect(fillSecrets(plan, fakeApi(['a-keys', 'db-keys'], 2).api)).resolves.toContain('a-keys/seal-keys');
    await expect(fillSecrets(plan, fakeApi(['a-keys', 'db-keys'], 99).api)).rejects.toThrow('keeps changing');
  });

  it('[bootstrap:least] makes no Secret that the chart did not', async () => {
    await expect(fillSecrets(plan, fakeApi(['db-keys']).api)).rejects.toThrow('404');
  });
});

describe('filling certificates', () => {
  const plan: Plan = {
    secrets: {},
    certificates: {
      authority: 'ca-tls',
      services: { policy: { secret: 'p-tls', names: ['g-policy.gate.svc'] }, vault: { secret: 'v-tls', names: [] } },
    },
  };

  it('[bootstrap:certificates] issues one a service under one authority, and none again while they hold', async () => {
    const { api, data } = fakeApi(['ca-tls', 'p-tls', 'v-tls']);
    expect(await fillCertificates(plan, api, ensureCertificates, join(dir, '1'))).toEqual(['ca', 'policy', 'vault']);
    const leaf = new X509Certificate(data('p-tls')['tls.crt'] ?? '');
    const authority = new X509Certificate(data('ca-tls')['tls.crt'] ?? '');
    expect(leaf.subjectAltName).toBe('DNS:policy, DNS:g-policy.gate.svc');
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(data('p-tls')['ca.crt']).toBe(data('ca-tls')['tls.crt']);
    // A fresh folder, as in the next pod: all it knows is what the Secrets hold.
    expect(await fillCertificates(plan, api, ensureCertificates, join(dir, '2'))).toEqual([]);
  });

  it('[bootstrap:certificates] renews one that is due under the authority that is there', async () => {
    const { api, data } = fakeApi(['ca-tls', 'p-tls', 'v-tls']);
    await fillCertificates(plan, api, ensureCertificates, join(dir, '3'));
    const before = { ca: data('ca-tls')['tls.crt'], vault: data('v-tls')['tls.crt'], policy: data('p-tls')['tls.crt'] };
    const later = (options: Parameters<typeof ensureCertificates>[0]) => {
      if (existsSync(join(options.dir, 'vault.pem'))) writeFileSync(join(options.dir, 'vault.pem'), 'worn out');
      return ensureCertificates(options);
    };
    expect(await fillCertificates(plan, api, later, join(dir, '4'))).toEqual(['vault']);
    expect([data('ca-tls')['tls.crt'], data('p-tls')['tls.crt']]).toEqual([before.ca, before.policy]);
    expect(data('v-tls')['tls.crt']).not.toBe(before.vault);
    expect(readFileSync(join(dir, '4', 'vault.pem'), 'utf8')).toBe(data('v-tls')['tls.crt']);
  });
});
