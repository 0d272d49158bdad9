import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { ClientSpec } from '@sallyport/custom-resources';
import type { Snapshot, SnapshotItem } from '@sallyport/peers/snapshot';
import { type ClientMetadata, declaredMetadata } from './client-metadata.ts';
import type { OAuthKeys } from './keys.ts';

/** A Client resource that gets its tokens from us. */
export interface DeclaredClient {
  readonly id: string;
  readonly uid: string;
  readonly name: string;
  readonly spec: ClientSpec;
}

/** The clients of the OAuth server: those that resources declare, and those that registered themselves. */
export interface Clients {
  declared(tenant: string, id: string): DeclaredClient | undefined;
  /** Metadata of a client with its secret; undefined when there is none of this id. */
  metadataOf(tenant: string, id: string): Promise<ClientMetadata | undefined>;
  /** Keeps a client that registered itself. Throws `rate_limited` beyond what one tenant may have. */
  register(tenant: string, id: string, metadata: ClientMetadata): Promise<void>;
  /** Whether a tenant has anything that the OAuth server is for. */
  serves(tenant: string): boolean;
}

/** Gives the secret of a declared client. */
export type ClientSecret = (tenant: string, client: DeclaredClient) => Promise<string>;

const MAX_REGISTERED = 1_000;
const REGISTRATIONS_PER_MINUTE = 60;
const MINUTE_MS = 60_000;

/** Finds clients in the snapshot and in Postgres. */
export function createClients(options: {
  readonly postgres: Postgres;
  readonly keys: OAuthKeys;
  readonly snapshot: Pick<Snapshot, 'items' | 'onChange'>;
  readonly secretOf: ClientSecret;
  readonly now?: () => number;
}): Clients {
  const { postgres, keys, snapshot, secretOf, now = Date.now } = options;
  let index: Map<string, DeclaredClient> | undefined;
  let tenants = new Set<string>();
  snapshot.onChange(() => {
    index = undefined;
  });
  const built = () => {
    if (index !== undefined) return index;
    tenants = new Set(
      ['Client', 'IdentityProvider'].flatMap((kind) => snapshot.items(kind).map(({ tenant }) => tenant)),
    );
    index = indexOf(snapshot.items('Client'));
    return index;
  };
  const boundTo = (tenant: string, id: string) => JSON.stringify(['oauth client', tenant, id]);
  const recent = new Map<string, { since: number; count: number }>();

  const declared = (tenant: string, id: string) => built().get(keyOf(tenant, id));
  return {
    declared,
    serves(tenant) {
      built();
      return tenants.has(tenant);
    },
    async metadataOf(tenant, id) {
      const own = declared(tenant, id);
      if (own !== undefined) {
        if (own.spec.disabled || own.spec.grants.length === 0) return undefined;
        const secret = own.spec.authentication === 'client_secret_basic' ? await secretOf(tenant, own) : undefined;
        return declaredMetadata(id, own.spec, secret);
      }
      const { rows } = await postgres.withTenant(tenant, (client) =>
        client.query('select sealed from oauth_clients where id = $1', [id]),
      );
      if (rows[0] === undefined) return undefined;
      return JSON.parse(keys.seal.open(rows[0].sealed as Buffer, boundTo(tenant, id)).toString('utf8'));
    },
    async register(tenant, id, metadata) {
      const window = recent.get(tenant);
      const fresh = window === undefined || now() - window.since > MINUTE_MS;
      const used = fresh ? { since: now(), count: 1 } : { since: window.since, count: window.count + 1 };
      recent.set(tenant, used);
      if (used.count > REGISTRATIONS_PER_MINUTE) throw tooMany();
      const sealed = keys.seal.seal(Buffer.from(JSON.stringify(metadata), 'utf8'), boundTo(tenant, id));
      await postgres.withTenant(tenant, async (client) => {
        // Who registered and never came back makes room for who comes now.
        await client.query(
          `delete from oauth_clients where id in (
             select c.id from oauth_clients c
              where c.used_at = c.created_at and c.created_at < now() - interval '1 hour'
                and not exists (select from oauth_grants g where g.tenant = c.tenant and g.client = c.id)
              order by c.created_at desc offset ${MAX_REGISTERED - 1})`,
        );
        const { rows } = await client.query('select count(*)::int as count from oauth_clients');
        if ((rows[0]?.count as number) >= MAX_REGISTERED) throw tooMany();
        await client.query('insert into oauth_clients (tenant, id, sealed) values ($1, $2, $3)', [tenant, id, sealed]);
      });
    },
  };
}

function tooMany(): GatewayError {
  return new GatewayError('rate_limited', 'Too many clients have registered; try again later.', {
    retryAfterMs: MINUTE_MS,
  });
}

/** By tenant and client id; the oldest resource holds an id. */
function indexOf(items: readonly SnapshotItem[]): Map<string, DeclaredClient> {
  const index = new Map<string, DeclaredClient>();
  for (const { tenant, name, uid, spec } of items.toSorted((a, b) => a.createdAtMs - b.createdAtMs)) {
    const client = spec as ClientSpec;
    if (client.identityProvider !== undefined) continue;
    const id = client.clientId ?? name;
    const key = keyOf(tenant, id);
    if (!index.has(key)) index.set(key, { id, uid, name, spec: client });
  }
  return index;
}

function keyOf(tenant: string, id: string): string {
  return JSON.stringify([tenant, id]);
}
