import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { ConfigError, loadConfig } from './config.ts';
import { uuidv7 } from './uuid.ts';

const coordinate = z.string().regex(/^[\w-]{43}$/, 'must be 32 bytes in base64url');
const signingKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  alg: z.literal('ES256'),
  use: z.literal('sig'),
  kid: z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores'),
  x: coordinate,
  y: coordinate,
  d: coordinate,
});
const keySet = z.strictObject({ keys: z.array(signingKey).min(1, 'must hold at least one key').max(16) });

/** A private JWK (RFC 7517) for ES256. */
export type SigningKey = z.output<typeof signingKey>;

/** The keys that a service signs with. */
export interface SigningKeys {
  /** Private keys, newest first: the first signs, the others are published until what they signed has ended. */
  readonly keys: readonly SigningKey[];
  /** The current key, ready to sign. */
  readonly current: { readonly kid: string; readonly key: KeyObject };
  /** The public halves, as a JWKS document shows them. */
  readonly published: { readonly keys: readonly Readonly<Record<string, string>>[] };
}

/**
 * Reads a file with a JWKS of private ES256 keys, newest first. To rotate, put a new one in front and drop the old when
 * nothing that it signed is in time any more. Throws ConfigError.
 */
export function readSigningKeys(path: string): SigningKeys {
  const { keys } = loadConfig(keySet, ['--config', path]);
  const twice = keys.find((key, index) => keys.findIndex((other) => other.kid === key.kid) !== index);
  if (twice !== undefined) throw new ConfigError([`${path}: the kid ${twice.kid} stands twice`]);
  const [newest] = keys as [SigningKey];
  let key: KeyObject;
  try {
    for (const one of keys) createPrivateKey({ key: one, format: 'jwk' });
    key = createPrivateKey({ key: newest, format: 'jwk' });
  } catch {
    throw new ConfigError([`${path}: a key is no point of its curve`]);
  }
  return {
    keys,
    current: { kid: newest.kid, key },
    published: { keys: keys.map(({ d: _secret, ...rest }) => rest) },
  };
}

/** Content of a new file for `readSigningKeys`, with one key. */
export function newSigningKeys(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' });
  return `${JSON.stringify({ keys: [{ kty, crv, alg: 'ES256', use: 'sig', kid: uuidv7(), x, y, d }] })}\n`;
}
