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
  /** `operator` and `audit` are needed; without `identity` nothing is heard of revocations. */
  peers: blocks.peers
    .refine((peers) => 'operator' in peers, 'operator is missing')
    .refine((peers) => 'audit' in peers, 'audit is missing'),
  postgres: blocks.postgres,
  /** Absent: limits are counted in this process, which then has to be the only replica. */
  redis: blocks.redis,
  drain: blocks.drain,
  /** List of `{id, key}`, newest first: seals calls that people are asked about, and keys the digests of values. */
  sealKeysFile: z.string().min(1),
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
  approvals: z
    .strictObject({
      /** How long approvals that are over stay listed. */
      retention: durationMs.prefault('30d'),
      /** How often reminders go out and what is over is ended. */
      upkeepInterval: durationMs.pipe(z.number().min(50)).prefault('5s'),
      /** How often records of approvals are sent to audit. */
      recordInterval: durationMs.pipe(z.number().min(50)).prefault('500ms'),
      /** Called when a person is asked, and again as a reminder. Absent: people look at the list. */
      webhook: z
        .strictObject({
          /** Holds the URL: who knows it can write there, so it is kept as a secret. */
          urlFile: z.string().min(1),
          /** Key of the HMAC in `sallyport-signature`. */
          secretFile: z.string().min(1),
          format: z.enum(['slack', 'json']).default('json'),
          /** Where people reach the gateway; links lead to `/approve/<id>` there. */
          publicUrl: z.url(),
          /** Sends the values that people are asked about, too: then who receives the call sees them. */
          includeValues: z.boolean().default(false),
          /** Lets the URL be http or lead to private addresses. */
          allowPrivateNetwork: z.boolean().default(false),
        })
        .optional(),
    })
    .prefault({}),
  /** How often counts of rules in Observe are added up and told to the operator. */
  observedInterval: durationMs.pipe(z.number().min(100)).prefault('30s'),
  untrusted: z
    .strictObject({
      /** How long a value that untrusted content brought is known for its user. */
      valueTtl: durationMs.prefault('30d'),
      /** How long an object is known into which untrusted content was written. */
      objectTtl: durationMs.prefault('365d'),
      maxValuesPerUser: z.int().min(100).default(50_000),
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
