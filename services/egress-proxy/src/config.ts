import { blocks, durationMs } from '@sallyport/chassis/config';
import { z } from 'zod';

/** Config of egress-proxy. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  /** Where hosted servers connect to, without TLS: what they send through it is TLS itself. */
  proxy: blocks.listen,
  tls: blocks.tls,
  insecure: blocks.insecure,
  drain: blocks.drain,
  /** Without `mcp-host` (no cluster) the address that somebody connects from says nothing and is not looked at. */
  peers: z.strictObject({ operator: z.string(), audit: z.string(), 'mcp-host': z.string().optional() }),
  snapshotCacheFile: z.string().optional(),
  /** Key of the credentials that hosted servers show; the same as the operator's. */
  egressKeyFile: z.string().min(1),
  /** Folder of records that audit could not take yet. */
  spoolDir: z.string().min(1),
  spoolMaxBytes: z
    .int()
    .min(1_000_000)
    .default(64 * 1024 * 1024),
  reportInterval: durationMs.prefault('15s'),
});

/** Config as read. */
export type Config = z.output<typeof configSchema>;

/** Address of the cluster's API server, as every pod is told. */
export function apiServerFacts(): { readonly host: string; readonly port: number } | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  return host === undefined ? undefined : { host, port: Number(port) };
}
