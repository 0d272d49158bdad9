import { z } from 'zod';
import { ConfigError, loadConfig } from './config.ts';

/** A symmetric key from a key file. */
export interface FileKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

const KEY_BYTES = 32;
const keyFile = z
  .array(
    z.strictObject({
      id: z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores'),
      key: z
        .base64('must be base64')
        .transform((text) => Buffer.from(text, 'base64'))
        .refine((key) => key.length === KEY_BYTES, `must be ${KEY_BYTES} bytes in base64`),
    }),
  )
  .min(1, 'must hold at least one key');

/**
 * Reads a YAML or JSON list of `{id, key}` (key: 32 bytes in base64), newest first: the first makes new values, the
 * others still open old ones. To rotate, put a new one in front and drop the old when nothing is under it any more.
 * Throws ConfigError.
 */
export function readKeyFile(path: string): FileKey[] {
  const keys = loadConfig(keyFile, ['--config', path]);
  const twice = keys.find((key, index) => keys.findIndex((other) => other.id === key.id) !== index);
  if (twice !== undefined) throw new ConfigError([`${path}: the id ${twice.id} stands twice`]);
  return keys;
}
