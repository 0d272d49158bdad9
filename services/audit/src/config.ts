import { blocks, durationMs } from '@sallyport/chassis/config';
import { z } from 'zod';

/** The configuration of audit. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  grpc: blocks.listen,
  tls: blocks.tls,
  insecure: blocks.insecure,
  postgres: blocks.postgres,
  drain: blocks.drain,
  /** List of `{id, key}` (key: 32 bytes in base64), newest first: decision inputs are sealed under keys made from these. */
  sealKeysFile: z.string().min(1),
  /** An intent that has no outcome after this long shows the outcome `unknown`. */
  unknownAfter: durationMs.pipe(z.number().min(1_000)).prefault('10m'),
  /** Most records that wait for a commit; beyond it callers are told to come back (they have a spool). */
  maxWaiting: z.int().min(100).default(50_000),
});

/** The configuration of audit, read. */
export type Config = z.output<typeof configSchema>;
