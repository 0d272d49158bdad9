import { blocks, durationMs } from '@sallyport/chassis/config';
import { z } from 'zod';

/** Config of quarantine. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  grpc: blocks.listen,
  tls: blocks.tls,
  insecure: blocks.insecure,
  /** `model-proxy` is needed. */
  peers: blocks.peers.refine((peers) => 'model-proxy' in peers, 'model-proxy is missing'),
  postgres: blocks.postgres,
  drain: blocks.drain,
  /** List of `{id, key}`, newest first; seals extractions and handle values. */
  sealKeysFile: z.string().min(1),
  limits: z
    .strictObject({
      /** Larger content is denied, not cut: a cut could hide what matters. */
      contentBytes: z
        .int()
        .min(1)
        .default(256 * 1024),
      /** Longest string of an answer, in UTF-16 units. */
      stringLength: z.int().min(1).max(100_000).default(4000),
      /** Longest answer of the reading model. */
      outputTokens: z.int().min(16).default(4096),
      /** Most that the plain values of one answer may carry (DESIGN §5), in bits. */
      bitsPerAnswer: z.int().min(1).default(4096),
      /** The same for all answers of one run. */
      bitsPerTrajectory: z.int().min(1).default(65_536),
    })
    .prefault({}),
  /** Longest time for one call of the reading model. */
  modelTimeout: durationMs.prefault('60s'),
  /** How long extractions and handles are kept. */
  ttl: durationMs.prefault('30d'),
  sweepInterval: durationMs.prefault('10m'),
});

/** Config of quarantine, read. */
export type QuarantineConfig = z.output<typeof configSchema>;
