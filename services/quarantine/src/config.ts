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
      /** Larger content is not read, not even in part: a cut could hide what matters. */
      contentBytes: z
        .int()
        .min(1)
        .default(256 * 1024),
      /** Longest string of an answer, in UTF-16 units. */
      stringLength: z.int().min(1).max(100_000).default(4000),
      /** Longest answer of the reading model. */
      outputTokens: z.int().min(16).default(4096),
      /** A larger structured result is denied. */
      structuredBytes: z
        .int()
        .min(1)
        .default(1024 * 1024),
      /**
       * Most that the untrusted plain values of one result may tell (DESIGN §5), in bits; a policy can say otherwise for
       * its tools. A transaction with id, amount, date and three strings tells about 80, so that a list of a hundred of
       * them takes half of this. What is beyond is shown as handles.
       */
      bitsPerAnswer: z.int().min(1).default(16_384),
      /** The same for all results of one run: eight of the largest, or some hundred ordinary ones. */
      bitsPerTrajectory: z.int().min(1).default(131_072),
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
