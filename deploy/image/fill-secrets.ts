import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newSigningKeys } from '../../services/chassis/src/signing-keys.ts';
import type { SecretsApi } from './secrets-api.ts';

/**
 * What a generated value looks like: `text` is 48 hex characters, `keys` a key file of the chassis with one key,
 * `signing-keys` a JWKS with one private key, `from:…{key}…` is made of another key of the same Secret.
 */
export type Form = 'text' | 'keys' | 'signing-keys' | `from:${string}`;

/** What a release needs, rendered by the chart. */
export interface Plan {
  /** Secrets by name, with the form of each of their keys. */
  readonly secrets: Readonly<Record<string, Readonly<Record<string, Form>>>>;
  /** Absent when somebody else issues certificates. */
  readonly certificates?: {
    /** Secret of the authority. */
    readonly authority: string;
    readonly services: Readonly<Record<string, { readonly secret: string; readonly names: readonly string[] }>>;
  };
}

/** Makes what is missing in a folder of `<name>.pem`, `<name>.key`, `ca.pem`, `ca.key`; gives the names made anew. */
export type Certify = (options: {
  readonly dir: string;
  readonly services: readonly string[];
  readonly names: (service: string) => readonly string[];
}) => Promise<string[]>;

const ATTEMPTS = 5;

/** Puts a value into each key that has none; what is there stays, whatever it is. Gives `secret/key` of each new one. */
export async function fillSecrets(plan: Plan, api: SecretsApi): Promise<string[]> {
  const made: string[] = [];
  for (const [name, forms] of Object.entries(plan.secrets)) {
    await unlessChanged(name, api, (data) => {
      const missing = Object.entries(forms).filter(([key]) => (data[key] ?? '') === '');
      made.push(...missing.map(([key]) => `${name}/${key}`));
      const added: Record<string, string> = {};
      for (const [key, form] of missing) if (!form.startsWith('from:')) added[key] = generated(form);
      for (const [key, form] of missing) {
        if (form.startsWith('from:')) added[key] = composed(form, { ...data, ...added });
      }
      return added;
    });
  }
  return made;
}

/** Renews certificates that are missing, do not fit or end soon, by way of a folder. Gives the names made anew. */
export async function fillCertificates(plan: Plan, api: SecretsApi, certify: Certify, dir: string): Promise<string[]> {
  const wanted = plan.certificates;
  if (wanted === undefined) return [];
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const secretOf = (name: string) =>
    name === 'ca' ? wanted.authority : (wanted.services[name]?.secret ?? wanted.authority);
  const versions = new Map<string, string>();
  for (const name of ['ca', ...Object.keys(wanted.services)]) {
    const { version, data } = await api.read(secretOf(name));
    versions.set(name, version);
    if (data['tls.crt'] && data['tls.key']) {
      writeFileSync(join(dir, `${name}.pem`), data['tls.crt']);
      writeFileSync(join(dir, `${name}.key`), data['tls.key'], { mode: 0o600 });
    }
  }
  const services = Object.keys(wanted.services);
  const made = await certify({ dir, services, names: (service) => wanted.services[service]?.names ?? [] });
  const text = (file: string) => readFileSync(join(dir, file), 'utf8');
  // The authority first: a leaf must never be handed out under a CA that is then lost.
  for (const name of made.toSorted((a, b) => Number(b === 'ca') - Number(a === 'ca'))) {
    const data = { 'tls.crt': text(`${name}.pem`), 'tls.key': text(`${name}.key`), 'ca.crt': text('ca.pem') };
    if (!(await api.write(secretOf(name), data, versions.get(name) ?? ''))) {
      throw new Error(`Secret ${secretOf(name)} was changed by somebody else; the next run looks again`);
    }
  }
  return made;
}

async function unlessChanged(
  name: string,
  api: SecretsApi,
  addition: (data: Readonly<Record<string, string>>) => Record<string, string>,
): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const { version, data } = await api.read(name);
    const added = addition(data);
    if (Object.keys(added).length === 0 || (await api.write(name, added, version))) return;
  }
  throw new Error(`Secret ${name} keeps changing`);
}

function composed(form: string, values: Readonly<Record<string, string>>): string {
  return form.slice('from:'.length).replace(/\{([\w-]+)\}/g, (_whole, key: string) => values[key] ?? '');
}

function generated(form: Form): string {
  if (form === 'signing-keys') return newSigningKeys();
  if (form === 'text') return randomBytes(24).toString('hex');
  return `${JSON.stringify([{ id: 'k1', key: randomBytes(32).toString('base64') }])}\n`;
}
