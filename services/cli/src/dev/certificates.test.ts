import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { certificateFiles, ensureCertificates } from './certificates.ts';

const DAY_MS = 86_400_000;
const folder = () => mkdtempSync(join(tmpdir(), 'sallyport-certificates-'));

describe('ensureCertificates', () => {
  it('makes a CA and a certificate that bears the service name first', async () => {
    const dir = folder();
    const names = () => ['localhost', '127.0.0.1'];
    expect(await ensureCertificates({ dir, services: ['policy'], names })).toEqual(['ca', 'policy']);
    const files = certificateFiles(dir, 'policy');
    const leaf = new X509Certificate(readFileSync(files.certFile));
    const ca = new X509Certificate(readFileSync(files.caFile));
    expect(leaf.subjectAltName).toBe('DNS:policy, DNS:localhost, IP Address:127.0.0.1');
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkIssued(ca)).toBe(true);
    expect(ca.ca).toBe(true);
  });

  it('keeps what holds and makes only what is missing', async () => {
    const dir = folder();
    await ensureCertificates({ dir, services: ['policy'] });
    expect(await ensureCertificates({ dir, services: ['policy', 'vault'] })).toEqual(['vault']);
    expect(await ensureCertificates({ dir, services: ['policy', 'vault'] })).toEqual([]);
  });

  it('renews a leaf in its last 30 days under the same CA', async () => {
    const dir = folder();
    await ensureCertificates({ dir, services: ['policy'] });
    const later = () => Date.now() + 61 * DAY_MS;
    expect(await ensureCertificates({ dir, services: ['policy'], now: later })).toEqual(['policy']);
  });

  it('renews a leaf whose names have changed', async () => {
    const dir = folder();
    await ensureCertificates({ dir, services: ['policy'] });
    expect(await ensureCertificates({ dir, services: ['policy'], names: () => ['policy.other.svc'] })).toEqual([
      'policy',
    ]);
  });
});
