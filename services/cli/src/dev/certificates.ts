// First of all imports: @peculiar/x509 decorates its classes through it.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const LEAF_DAYS = 90;
// A third of the life is left for whoever reloads files late (the same share as cert-manager's default).
const RENEW_BELOW_DAYS = 30;

x509.cryptoProvider.set(webcrypto);

/** Which certificates a folder should hold. */
export interface CertificateOptions {
  /** Folder of `ca.pem`, `ca.key` and of `<service>.pem`, `<service>.key` each; made when absent. */
  readonly dir: string;
  readonly services: readonly string[];
  /** Further DNS names or IP addresses of a service; its own name always comes first, callers are known by it. */
  readonly names?: (service: string) => readonly string[];
  /** Clock, epoch milliseconds; for tests. */
  readonly now?: () => number;
}

/** The files of one service. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/**
 * Makes a CA and one certificate a service (P-256, 90 days, for both ends of mTLS) where they are missing, do not fit
 * or have less than 30 days left. Gives the names that were made anew. Files are replaced whole, so readers see old or new.
 */
export async function ensureCertificates(options: CertificateOptions): Promise<string[]> {
  const now = options.now?.() ?? Date.now();
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const made: string[] = [];
  let ca = await readPair(options.dir, 'ca');
  if (ca === undefined || !isFresh(ca.certificate, now)) {
    ca = await makeAuthority(options.dir, now);
    made.push('ca');
  }
  for (const service of options.services) {
    const names = [service, ...(options.names?.(service) ?? [])];
    const pair = await readPair(options.dir, service);
    const holds =
      pair !== undefined &&
      isFresh(pair.certificate, now) &&
      hasNames(pair.certificate, names) &&
      (await pair.certificate.verify({ publicKey: ca.certificate.publicKey, date: new Date(now) }));
    if (holds) continue;
    await makeLeaf(options.dir, names, ca, now);
    made.push(service);
  }
  return made;
}

/** Where `ensureCertificates` puts what a service needs. */
export function certificateFiles(dir: string, service: string): CertificateFiles {
  return { certFile: join(dir, `${service}.pem`), keyFile: join(dir, `${service}.key`), caFile: join(dir, 'ca.pem') };
}

interface Pair {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

async function readPair(dir: string, name: string): Promise<Pair | undefined> {
  const { certFile, keyFile } = certificateFiles(dir, name);
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined;
  try {
    const certificate = new x509.X509Certificate(readFileSync(certFile, 'utf8'));
    const der = x509.PemConverter.decodeFirst(readFileSync(keyFile, 'utf8'));
    const privateKey = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
    return { certificate, privateKey };
  } catch {
    // Half-written or foreign: made anew.
    return undefined;
  }
}

function isFresh(certificate: x509.X509Certificate, now: number): boolean {
  return certificate.notBefore.getTime() <= now && certificate.notAfter.getTime() - now > RENEW_BELOW_DAYS * DAY_MS;
}

function hasNames(certificate: x509.X509Certificate, names: readonly string[]): boolean {
  const extension = certificate.getExtension(x509.SubjectAlternativeNameExtension);
  const have = extension?.names.items.map(({ value }) => value) ?? [];
  return names.length === have.length && names.every((name, index) => have[index] === name);
}

async function makeAuthority(dir: string, now: number): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    // Named apart at each making, so that OpenSSL never tries an old CA of the same name against a new leaf.
    name: `CN=Sallyport CA ${serial().slice(0, 8)}`,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + CA_DAYS * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await write(dir, 'ca', certificate, keys.privateKey);
  return { certificate, privateKey: keys.privateKey };
}

async function makeLeaf(dir: string, names: readonly string[], ca: Pair, now: number): Promise<void> {
  const service = names[0] as string;
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${service}`,
    issuer: ca.certificate.subject,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + LEAF_DAYS * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: ca.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: /^[\d.]+$|:/.test(name) ? 'ip' : 'dns', value: name }) as const),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(ca.certificate.publicKey),
    ],
  });
  await write(dir, service, certificate, keys.privateKey);
}

/** Sixteen random bytes in hex, positive as RFC 5280 §4.1.2.2 asks. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function write(dir: string, name: string, certificate: x509.X509Certificate, privateKey: webcrypto.CryptoKey) {
  const { certFile, keyFile } = certificateFiles(dir, name);
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  replace(keyFile, `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`, 0o600);
  replace(certFile, `${certificate.toString('pem')}\n`, 0o644);
}

function replace(file: string, text: string, mode: number): void {
  writeFileSync(`${file}.new`, text, { mode });
  renameSync(`${file}.new`, file);
}
