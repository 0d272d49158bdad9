// First of all imports: @peculiar/x509 decorates its classes through it.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import type { TlsConfig } from '../config.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;

/** A certificate authority for tests, in a folder of its own. */
export interface TestAuthority {
  /** Writes (again) a certificate with this DNS name and gives its files. */
  issue(name: string): Promise<TlsConfig>;
}

/** Makes a CA whose certificates live an hour. */
export async function testAuthority(reloadInterval = 50): Promise<TestAuthority> {
  x509.cryptoProvider.set(webcrypto);
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-certificates-'));
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const life = () => ({ notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) });
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(8).toString('hex'),
    name: 'CN=test',
    ...life(),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const place = (name: string, text: string) => {
    const path = join(dir, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    return path;
  };
  const caFile = place('ca.pem', ca.toString('pem'));
  return {
    async issue(name) {
      const leaf = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: `00${randomBytes(8).toString('hex')}`,
        subject: `CN=${name}`,
        issuer: ca.subject,
        ...life(),
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
      });
      const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', leaf.privateKey);
      return {
        certFile: place(`${name}.pem`, certificate.toString('pem')),
        keyFile: place(`${name}.key`, x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')),
        caFile,
        reloadInterval,
      };
    },
  };
}
