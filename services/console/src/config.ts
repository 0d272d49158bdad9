import { blocks, durationMs } from '@sallyport/chassis/config';
import { forwardingConfig } from '@sallyport/chassis/net/client-address';
import { edgeConfig } from '@sallyport/peers/edges';
import { z } from 'zod';

const target = z.string().regex(/^(dns|ipv4|ipv6|unix):/, 'must be a gRPC target such as dns:///host:port');

/** The configuration of console. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  http: blocks.listen,
  ...forwardingConfig,
  ...edgeConfig,
  tls: blocks.tls,
  insecure: blocks.insecure,
  /** Further peers are let be: one map may serve several services. */
  peers: z.object({ identity: target, audit: target, operator: target, policy: target, vault: target }),
  drain: blocks.drain,
  /** Where people reach this, without a path: where it says https, cookies are Secure whatever a proxy says. */
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Keys that seal the sessions of the approval page. Absent: sessions are of this process, which then is the only replica. */
  sessionKeysFile: z.string().min(1).optional(),
  /** How long a request may take. */
  requestTimeout: durationMs.pipe(z.number().min(100)).prefault('10s'),
});

/** The configuration of console, read. */
export type Config = z.output<typeof configSchema>;
