import { blocks, durationMs } from '@sallyport/chassis/config';
import { forwardingConfig } from '@sallyport/chassis/net/client-address';
import { edgeConfig } from '@sallyport/peers/edges';
import { z } from 'zod';

const hostName = z
  .string()
  .regex(/^[a-z0-9.[\]:-]+$/, 'must be a host name in lower case, without scheme, port or path');

/** Config of mcp-broker: one YAML file, read once. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  http: blocks.listen,
  ...forwardingConfig,
  ...edgeConfig,
  grpc: blocks.listen,
  tls: blocks.tls,
  insecure: blocks.insecure,
  drain: blocks.drain,
  postgres: blocks.postgres,
  peers: z.object({
    operator: z.string(),
    identity: z.string(),
    vault: z.string(),
    policy: z.string(),
    audit: z.string(),
    quarantine: z.string(),
    /** Runs the agents that are this gateway; absent: none are run. */
    'model-proxy': z.string().optional(),
  }),
  /** Where mcp-host serves the tool servers that Sallyport runs, `https://host:port`; absent: none are run. */
  hosted: z.strictObject({ url: z.url({ protocol: /^https?$/ }) }).optional(),
  /** Directory of the fsynced spool: records that audit could not take yet. On a persistent volume. */
  spoolDir: z.string().min(1),
  spoolMaxBytes: z
    .int()
    .min(1_000_000)
    .default(256 * 1024 * 1024),
  /** Keeps the last snapshot, so that a restart while the operator is away can serve. */
  snapshotCacheFile: z.string().optional(),
  /** Secret (≥ 32 bytes of text) under which content is digested; the same for model-proxy and mcp-broker. */
  digestKeyFile: z.string().min(1),
  /** Refuses tool calls with side effects whose intent cannot be made durable (DESIGN section 7). */
  auditRequired: z.boolean().default(true),
  /** Where clients reach this gateway, without a slash at the end; absent: taken from the request's Host. */
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Host names that requests may name in `Host`; absent: any. */
  allowedHosts: z.array(hostName).optional(),
  /** Origins of web pages that may call `/mcp`, besides the gateway's own. */
  allowedOrigins: z.array(z.url()).default([]),
  /** Issuers that the protected-resource metadata names; absent: the gateway's own, where publicUrl is known. */
  authorizationServers: z.array(z.url()).optional(),
  /** Which tenant's issuer is named: as in identity's config. */
  oauth: z
    .strictObject({
      defaultTenant: z.string().min(1).default('default'),
      hosts: z.record(z.string(), z.string().min(1)).default({}),
    })
    .prefault({}),
  /** Hosts that links in the content of calls may lead to and stay live, whoever wrote them; the same as model-proxy's. */
  linkHosts: z.array(hostName).default([]),
  /** Calls that a rule asks people about. */
  approvals: z
    .strictObject({
      /** How long a call waits for an approval before it is answered without having been made. */
      wait: durationMs.prefault('25s'),
      /** How long it waits before a client that can open links is shown the page of the approval. */
      elicitAfter: durationMs.prefault('2s'),
      /** Calls that wait at once, of all and of one principal; what comes beyond is answered at once. */
      maxWaiting: z.int().min(0).default(512),
      maxWaitingOfOne: z.int().min(0).default(16),
      /** How long a client may take to come back from the page. */
      stateTtl: durationMs.prefault('30m'),
    })
    .prefault({}),
  agents: z
    .strictObject({
      /** How long it is known whose a task or context of an agent is, after it was used last. */
      taskTtl: durationMs.prefault('168h'),
      sweepInterval: durationMs.prefault('10m'),
    })
    .prefault({}),
  catalog: z
    .strictObject({
      /** How often each tool server is listed anew. */
      refreshInterval: durationMs.prefault('60s'),
      /** How often what was seen is reported to the operator. */
      reportInterval: durationMs.prefault('15s'),
      listTimeout: durationMs.prefault('10s'),
    })
    .prefault({}),
  request: z
    .strictObject({
      maxBytes: z
        .int()
        .min(1_000)
        .default(4 * 1024 * 1024),
      maxDepth: z.int().min(8).max(512).default(64),
      /** Longest answer of a tool server, in bytes. */
      maxResultBytes: z
        .int()
        .min(1_000)
        .default(4 * 1024 * 1024),
      /** Tools to a page of `tools/list`. */
      pageSize: z.int().min(1).max(1_000).default(200),
    })
    .prefault({}),
});

/** Config as read. */
export type Config = z.output<typeof configSchema>;
