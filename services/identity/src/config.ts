import { blocks, durationMs } from '@sallyport/chassis/config';
import { forwardingConfig } from '@sallyport/chassis/net/client-address';
import { z } from 'zod';

const tenant = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a namespace');

/** The configuration of identity. */
export const configSchema = z.strictObject({
  log: blocks.log,
  tracing: blocks.tracing,
  admin: blocks.admin,
  grpc: blocks.listen,
  /** Listener of `/oauth`, `/scim` and server metadata; absent: none of them is served. */
  http: blocks.listen.optional(),
  ...forwardingConfig,
  /** Where clients reach the gateway. Issuers and audiences are made of it, so without it there is no OAuth server. */
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .transform(withoutSlash)
    .optional(),
  oauth: z
    .strictObject({
      /** JWKS of private ES256 keys, newest first. */
      keysFile: z.string().min(1),
      /** The tenant whose issuer the metadata of `/mcp` names. */
      defaultTenant: tenant.default('default'),
      /** Further hosts that clients reach the gateway under, each with the tenant that it is for. */
      hosts: z.record(z.string().regex(/^[a-z0-9.[\]-]+(:\d+)?$/), tenant).default({}),
      /** Owners of keys may sign in with them where a tenant has no IdentityProvider to do so: for suites of one's own. */
      keySignIn: z.boolean().default(false),
      /** How clients that no resource declares come in. */
      registration: z
        .strictObject({
          /** By dynamic registration (RFC 7591). */
          dynamic: z.boolean().default(true),
          /** By an https URL as client id, under which their metadata lie. */
          metadataDocuments: z.boolean().default(true),
        })
        .prefault({}),
    })
    .optional(),
  /** Proxies that sign people in themselves: the name in the certificate of each, and at which IdentityProvider of whom. */
  edges: z
    .array(z.strictObject({ san: z.string().min(1).max(512), tenant, provider: z.string().min(1).max(253) }))
    .max(64)
    .refine((edges) => new Set(edges.map(({ san }) => san)).size === edges.length, 'name an edge once')
    .default([]),
  tls: blocks.tls,
  insecure: blocks.insecure,
  /** `operator`, `audit` and `vault`; without them nothing is known of resources, recorded, or signed in elsewhere. */
  peers: blocks.peers.optional(),
  /** The last snapshot is kept here and started from. */
  snapshotCacheFile: z.string().min(1).optional(),
  /** How long after audit did not take revocations they are sent again. */
  recordInterval: durationMs.pipe(z.number().min(50)).prefault('250ms'),
  /** How often operator is told how many people are in each Team. */
  countInterval: durationMs.pipe(z.number().min(100)).prefault('5s'),
  postgres: blocks.postgres,
  drain: blocks.drain,
  /** List of `{id, key}` (key: 32 bytes in base64), newest first: the HMAC keys over secrets. */
  pepperFile: z.string().min(1),
  /** The first admin of an installation: a secret that ends by itself and with the first sign-in of an admin. */
  bootstrapAdmin: z
    .strictObject({
      secretFile: z.string().min(1),
      tenant: tenant.default('default'),
      validFor: durationMs.pipe(z.number().min(60_000)).prefault('24h'),
    })
    .optional(),
  /** Longest time that a caller may keep an authenticated principal; bounded by what the trust model promises. */
  cacheTtl: durationMs.pipe(z.number().min(0).max(10_000, 'must be at most 10s')).prefault('10s'),
  /** How often the last use of keys is written. */
  lastUseInterval: durationMs.pipe(z.number().min(100)).prefault('5s'),
});

/** The configuration of identity, read. */
export type Config = z.output<typeof configSchema>;

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
