import { blocks, durationMs } from '@sallyport/chassis/config';
import { z } from 'zod';

/** The configuration of identity. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  grpc: blocks.listen,
  tls: blocks.tls,
  insecure: blocks.insecure,
  postgres: blocks.postgres,
  drain: blocks.drain,
  /** List of `{id, key}` (key: 32 bytes in base64), newest first: the HMAC keys over secrets. */
  pepperFile: z.string().min(1),
  /** Longest time that a caller may keep an authenticated principal; bounded by what the trust model promises. */
  cacheTtl: durationMs.pipe(z.number().min(0).max(10_000, 'must be at most 10s')).prefault('10s'),
  /** How often the last use of keys is written. */
  lastUseInterval: durationMs.pipe(z.number().min(100)).prefault('5s'),
});

/** The configuration of identity, read. */
export type Config = z.output<typeof configSchema>;
