import { blocks, durationMs } from '@sallyport/chassis/config';
import { forwardingConfig } from '@sallyport/chassis/net/client-address';
import { edgeConfig } from '@sallyport/peers/edges';
import { z } from 'zod';

/** Config of model-proxy: one YAML file, read once. */
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
  peers: z.object({
    operator: z.string(),
    identity: z.string(),
    vault: z.string(),
    policy: z.string(),
    audit: z.string(),
    quarantine: z.string(),
    'mcp-broker': z.string(),
  }),
  /** Where responses and conversations are kept; left out: nowhere, and clients are told so. */
  postgres: blocks.postgres.optional(),
  /** List of `{id, key}`, newest first; seals responses and conversations. Needed with `postgres`. */
  sealKeysFile: z.string().min(1).optional(),
  responses: z
    .strictObject({
      /** How long a response or a conversation is kept after it was last used. */
      ttl: durationMs.prefault('30d'),
      sweepInterval: durationMs.prefault('10m'),
      /** Most conversations of one principal. */
      maxConversations: z.int().min(1).default(10_000),
      /** Items from which on nothing is added to a conversation any more. */
      maxItems: z.int().min(1).max(1_000_000).default(10_000),
    })
    .prefault({}),
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
  /** Where answers are kept that Models let be given again; absent: in this process. Limits are better kept in another one. */
  redis: blocks.redis,
  cache: z
    .strictObject({
      /** Largest answer that is kept. */
      maxEntryBytes: z
        .int()
        .min(1_000)
        .default(256 * 1024),
      /** Most that is kept in this process, where there is no Redis. */
      maxBytes: z
        .int()
        .min(0)
        .default(32 * 1024 * 1024),
      /** Longest wait for Redis; then the provider is called. */
      timeout: durationMs.prefault('100ms'),
      /** Longest wait for another request that asked for the same. */
      wait: durationMs.prefault('10s'),
    })
    .prefault({}),
  request: z
    .strictObject({
      maxBytes: z
        .int()
        .min(1_000)
        .default(20 * 1024 * 1024),
      /** Longest body of an upload: sound, pictures, files. */
      maxUploadBytes: z
        .int()
        .min(1_000)
        .default(32 * 1024 * 1024),
      /** Bytes of uploads held at once, each until a provider has taken it. */
      maxUploadsHeld: z
        .int()
        .min(1_000)
        .default(96 * 1024 * 1024),
      maxDepth: z.int().min(8).max(512).default(64),
      maxMessages: z.int().min(1).default(10_000),
      timeout: durationMs.prefault('15m'),
    })
    .prefault({}),
  /** Base of the gateway's pages as people reach them, for links to approvals. */
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  turn: z
    .strictObject({
      /** Model calls of one turn in the gateway-owned loop. */
      maxModelCalls: z.int().min(1).max(500).default(50),
      /** Calls of one model message. */
      maxCallsPerMessage: z.int().min(1).max(1_000).default(64),
      /** How often the model is asked again after a refused batch of the client's own tools. */
      maxReasks: z.int().min(0).max(10).default(2),
      /** Hosts that links of untrusted values may lead to; `*.example.com` stands for the names under it. */
      linkHosts: z.array(z.string().min(1).max(253)).max(256).default([]),
      /** How long a turn waits for an approval before it ends and says so; 0: not at all. */
      approvalWait: durationMs.prefault('60s'),
      /** Bytes of tool-call deltas held back until the batch is decided. */
      maxHeldBytes: z
        .int()
        .min(10_000)
        .default(2 * 1024 * 1024),
    })
    .prefault({}),
});

/** Config as read. */
export type Config = z.output<typeof configSchema>;
