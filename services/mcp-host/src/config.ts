import { blocks, durationMs } from '@sallyport/chassis/config';
import { z } from 'zod';

/** Config of mcp-host: exactly one of `cluster` and `local` says where processes run. */
export const configSchema = z
  .strictObject({
    log: blocks.log,
    tracing: blocks.tracing,
    admin: blocks.admin,
    /** Where the broker calls, by mTLS. */
    http: blocks.listen,
    grpc: blocks.listen,
    tls: blocks.tls,
    insecure: blocks.insecure,
    drain: blocks.drain,
    peers: z.strictObject({ operator: z.string() }),
    snapshotCacheFile: z.string().optional(),
    /** How often the operator is told how processes are. */
    reportInterval: durationMs.prefault('15s'),
    /** Most processes of single principals in one namespace. */
    maxPrincipalsPerNamespace: z.int().min(1).max(10_000).default(50),
    /** Pods that the operator makes. */
    cluster: z.strictObject({ kubeconfigFile: z.string().optional() }).optional(),
    /** Child processes, without a sandbox. */
    local: z
      .strictObject({
        /** Folders whose YAML files hold the Secrets. */
        secretsDirs: z.array(z.string().min(1)).min(1),
        /** The only folder that the processes are told of. */
        workDir: z.string().min(1),
        /** `http://127.0.0.1:port` of the egress proxy. */
        proxy: z.url({ protocol: /^http$/ }),
        egressKeyFile: z.string().min(1),
      })
      .optional(),
  })
  .refine((config) => (config.cluster === undefined) !== (config.local === undefined), {
    message: 'exactly one of cluster and local must be given',
  });

/** Config as read. */
export type Config = z.output<typeof configSchema>;

/** Where programs are looked for, for child processes. */
export function searchPath(): string {
  return process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin';
}
