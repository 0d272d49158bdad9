import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { sweepExpired } from '@sallyport/chassis/sweep-expired';

/** Whose a session of the older line is. */
export interface SessionOf {
  readonly tenant: string;
  readonly principalId: string;
  /** The run that the session names. */
  readonly session: string;
}

/** Keeps which resources sessions are subscribed to, by the URIs that clients know, for all replicas. */
export interface SubscriptionStore {
  /** Adds one; false where the session, its principal or its tenant has as many as it may. */
  add(of: SessionOf, uri: string): Promise<boolean>;
  remove(of: SessionOf, uri: string): Promise<void>;
  /** The session is over. */
  end(of: SessionOf): Promise<void>;
  /** What sessions of a tenant that are listening are subscribed to: it is renewed, and kept for another day. */
  of(tenant: string, sessions: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Forgets some of what has expired before a time (epoch milliseconds); answers how much. */
  sweep(nowMs: number): Promise<number>;
}

/** Most subscriptions of a session, of the sessions of a principal, and of a tenant. */
export const MOST = { session: 256, principal: 1_024, tenant: 8_192 } as const;
const KEPT = `interval '24 hours'`;
/** Renewed when older; what was not renewed for so long is of no session that listens, and makes room for those that do. */
const RENEWED = `interval '5 minutes'`;
const LEASE = `interval '15 minutes'`;

/** Keeps them in Postgres for a day after their session was last listening, as far as nobody who listens wants the room. */
export function createSubscriptionStore(postgres: Postgres): SubscriptionStore {
  return {
    add: ({ tenant, principalId, session }, uri) =>
      postgres.withTenant(tenant, async (client) => {
        if (!(await hasRoom(client, { tenant, principalId, session }, uri))) return false;
        await client.query(
          `insert into resource_subscriptions (tenant, session, principal_id, uri, expires_at)
             values ($1, $2, $3, $4, now() + ${KEPT})
           on conflict (tenant, session, uri) do update set expires_at = excluded.expires_at`,
          [tenant, session, principalId, uri],
        );
        return true;
      }),
    remove: ({ tenant, session }, uri) =>
      postgres.withTenant(tenant, async (client) => {
        await client.query('delete from resource_subscriptions where tenant = $1 and session = $2 and uri = $3', [
          tenant,
          session,
          uri,
        ]);
      }),
    end: ({ tenant, session }) =>
      postgres.withTenant(tenant, async (client) => {
        await client.query('delete from resource_subscriptions where tenant = $1 and session = $2', [tenant, session]);
      }),
    of: (tenant, sessions) =>
      postgres.withTenant(tenant, async (client) => {
        const scope = [tenant, [...sessions]];
        const { rows } = await client.query<{ session: string; uri: string; old: boolean }>(
          `select session, uri, expires_at < now() + ${KEPT} - ${RENEWED} as old
             from resource_subscriptions where tenant = $1 and session = any($2::text[]) order by session, uri`,
          scope,
        );
        if (rows.some(({ old }) => old)) {
          await client.query(
            `update resource_subscriptions set expires_at = now() + ${KEPT}
               where tenant = $1 and session = any($2::text[])`,
            scope,
          );
        }
        const found = new Map<string, string[]>();
        for (const { session, uri } of rows) found.set(session, [...(found.get(session) ?? []), uri]);
        return found;
      }),
    sweep: (nowMs) => sweepExpired(postgres, ['resource_subscriptions'], nowMs),
  };
}

/** Whether there is room for one more, which is made of what sessions left that listen no more. */
async function hasRoom(client: TenantClient, { tenant, principalId, session }: SessionOf, uri: string) {
  const scope = [tenant, principalId, session];
  const count = async () => {
    const { rows } = await client.query<{ all: boolean; own: boolean; listed: boolean }>(
      `select count(*) < ${MOST.tenant} as all, count(*) filter (where principal_id = $2) < ${MOST.principal} as own,
           count(*) filter (where session = $3 and uri <> $4) < ${MOST.session} as listed
         from resource_subscriptions where tenant = $1`,
      [...scope, uri],
    );
    return rows[0] ?? { all: false, own: false, listed: false };
  };
  const before = await count();
  if (!before.listed || (before.all && before.own)) return before.listed;
  await client.query(
    `delete from resource_subscriptions where tenant = $1 and session <> $3 and expires_at < now() + ${KEPT} - ${LEASE}
       and (principal_id = $2 ${before.own ? 'or true' : ''})`,
    scope,
  );
  const { all, own } = await count();
  return all && own;
}
