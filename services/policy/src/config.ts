import { blocks, durationMs } from '@sallyport/chassis/config';
import { z } from 'zod';

/** Config of policy. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  grpc: blocks.listen,
  tls: blocks.tls,
  insecure: blocks.insecure,
  /** `operator` is needed. */
  peers: blocks.peers.refine((peers) => 'operator' in peers, 'operator is missing'),
  postgres: blocks.postgres,
  /** Absent: limits are counted in this process, which then has to be the only replica. */
  redis: blocks.redis,
  drain: blocks.drain,
  /** Posture: what the built-in side-effect rules and ToolPolicies without a mode do. False: Observe. */
  enforce: z.boolean().default(false),
  /** How long callers may use an access decision without asking again. */
  accessCacheTtl: durationMs.prefault('10s'),
  /** The last snapshot is kept here and started from. */
  snapshotCacheFile: z.string().min(1).optional(),
  trajectories: z
    .strictObject({
      /** How long a run can be joined, and how long what it released is known. */
      ttl: durationMs.prefault('30d'),
      sweepInterval: durationMs.prefault('10m'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** How long a share may be spent before it is void, unless it is renewed. */
      leaseTtl: durationMs.prefault('30s'),
      /** The same for concurrency: how long a slot stays taken whose gateway ended without a word. */
      concurrencyTtl: durationMs.prefault('1m'),
      /** Counters of a trajectory are kept this long after their last use. */
      trajectoryTtl: durationMs.prefault('24h'),
    })
    .prefault({}),
});

/** Config of policy, read. */
export type PolicyConfig = z.output<typeof configSchema>;
