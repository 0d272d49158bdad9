import { blocks, durationMs } from '@sallyport/chassis/config';
import { z } from 'zod';
import { identitiesSchema } from './workload/identities.ts';

/** The configuration of vault. */
export const configSchema = z
  .strictObject({
    log: blocks.log,
    tracing: blocks.tracing,
    admin: blocks.admin,
    grpc: blocks.listen,
    tls: blocks.tls,
    insecure: blocks.insecure,
    postgres: blocks.postgres,
    drain: blocks.drain,
    /** Further peers are let be: one map may serve several services. */
    peers: z.object({
      audit: z.string().min(1),
      /** Absent: nobody is vouched for, so there are no tokens in the names of people. */
      identity: z.string().min(1).optional(),
    }),
    /**
     * List of `{id, key}` (key: 32 bytes in base64), newest first: the master keys that wrap data keys. A file, or a
     * Kubernetes Secret mounted as one. Read again at each upkeep, so that a rotation needs no restart.
     */
    masterKeysFile: z.string().min(1).optional(),
    /** Master keys in HashiCorp Vault's transit engine. Where both are given, the file only opens what it wrapped. */
    transit: z
      .strictObject({
        address: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')),
        mount: z
          .string()
          .regex(/^[\w-]+(\/[\w-]+)*$/)
          .default('transit'),
        key: z.string().min(1).max(128),
        /** Holds the token; an agent beside this service renews it. */
        tokenFile: z.string().min(1),
        /** CA (PEM) of its certificate; absent: the usual ones. */
        caFile: z.string().min(1).optional(),
      })
      .optional(),
    /** How long a leased credential may be used; a service goes on for this long at most when vault is away. */
    leaseTtl: durationMs.pipe(z.number().min(500).max(10_000, 'must be at most 10s')).prefault('10s'),
    /** How often the counts of leases are written. */
    leaseCountInterval: durationMs.pipe(z.number().min(100)).prefault('5s'),
    /** How often master keys are looked at, data keys moved to the newest, and values without a grant deleted. */
    upkeepInterval: durationMs.pipe(z.number().min(100)).prefault('1m'),
    /** Where people reach the gateway, without a path: authorization servers send them back there. Absent: nothing is connected. */
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .transform((url) => url.replace(/\/+$/, ''))
      .optional(),
    /** How often it is written who had which credential. */
    accessInterval: durationMs.pipe(z.number().min(100)).prefault('1m'),
    /** Identities at clouds that this pod may take on by its own token, and the tenants that may use them. */
    workloadIdentities: identitiesSchema,
    /** How long after audit did not take records they are sent again. */
    recordInterval: durationMs.pipe(z.number().min(100)).prefault('1s'),
  })
  .refine(({ masterKeysFile, transit }) => masterKeysFile !== undefined || transit !== undefined, {
    path: ['masterKeysFile'],
    message: 'or transit must say where the master keys are',
  });

/** The configuration of vault, read. */
export type Config = z.output<typeof configSchema>;
