import { blocks, durationMs } from '@sallyport/chassis/config';
import { z } from 'zod';

/** The configuration of vault. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  grpc: blocks.listen,
  tls: blocks.tls,
  insecure: blocks.insecure,
  postgres: blocks.postgres,
  drain: blocks.drain,
  /** List of `{id, key}` (key: 32 bytes in base64), newest first: the master keys that wrap data keys. */
  masterKeysFile: z.string().min(1),
  /** How long a leased credential may be used; a service goes on for this long at most when vault is away. */
  leaseTtl: durationMs.pipe(z.number().min(500).max(10_000, 'must be at most 10s')).prefault('10s'),
  /** How often the counts of leases are written. */
  leaseCountInterval: durationMs.pipe(z.number().min(100)).prefault('5s'),
  /** How often data keys are moved to the current master key and values without a grant are deleted. */
  upkeepInterval: durationMs.pipe(z.number().min(100)).prefault('1m'),
});

/** The configuration of vault, read. */
export type Config = z.output<typeof configSchema>;
