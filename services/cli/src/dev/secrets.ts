import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newSigningKeys } from '@sallyport/chassis/signing-keys';

/** Secrets of one data folder: files of mode 0600, made at first use and kept. */
export interface SecretFolder {
  /** Path of a file with 48 hex characters. */
  text(name: string): string;
  /** Path of a key file as chassis reads it: a list with one `{id, key}` of 32 random bytes. */
  keys(name: string): string;
  /** Path of a JWKS with one private key to sign with. */
  signingKeys(name: string): string;
  /** Content of `text(name)`. */
  value(name: string): string;
}

/** Opens the folder, making it when absent. */
export function openSecrets(dir: string): SecretFolder {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const keep = (name: string, make: () => string) => {
    const file = join(dir, name);
    if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600 });
    return file;
  };
  const text = (name: string) => keep(name, () => randomBytes(24).toString('hex'));
  return {
    text,
    keys: (name) => keep(name, () => `${JSON.stringify([{ id: 'k1', key: randomBytes(32).toString('base64') }])}\n`),
    signingKeys: (name) => keep(name, newSigningKeys),
    value: (name) => readFileSync(text(name), 'utf8'),
  };
}
