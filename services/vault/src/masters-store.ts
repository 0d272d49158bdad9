import type { Postgres } from '@sallyport/chassis/postgres';
import type { WrappedKey } from './vault-store.ts';

const EVERY_TENANT = '*';
const BATCH = 100;

/** What rotation of master keys keeps and looks at. Rejects with `unavailable` when the database is. */
export interface MastersStore {
  /** Says which masters this replica has; answers what each replica that was seen in the last `liveMs` has. */
  announce(replica: string, masters: readonly string[], liveMs: number): Promise<(readonly string[])[]>;
  leave(replica: string): Promise<void>;
  /** How many data keys each master wraps. */
  dataKeysByMaster(): Promise<ReadonlyMap<string, number>>;
  /**
   * Hands up to 100 data keys that one of `from` wraps to `rewrap` and keeps what it gives; answers how many. Rows that
   * another replica has in hand are left to it.
   */
  rewrapSome(
    from: readonly string[],
    rewrap: (tenant: string, key: WrappedKey) => Promise<WrappedKey>,
  ): Promise<number>;
}

/** Keeps it in Postgres. */
export function createMastersStore(postgres: Postgres): MastersStore {
  return {
    announce: (replica, masters, liveMs) =>
      postgres.withTenant(EVERY_TENANT, async (client) => {
        await client.query(
          `insert into replicas (id, masters) values ($1, $2)
           on conflict (tenant, id) do update set masters = excluded.masters, seen_at = now()`,
          [replica, masters],
        );
        const dead = `seen_at < now() - make_interval(secs => $1)`;
        await client.query(`delete from replicas where ${dead}`, [liveMs / 1000]);
        const { rows } = await client.query('select masters from replicas');
        return rows.map((row) => row.masters as string[]);
      }),
    async leave(replica) {
      await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query('delete from replicas where id = $1', [replica]),
      );
    },
    async dataKeysByMaster() {
      const { rows } = await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query('select master_id, count(*)::float8 as keys from data_keys group by master_id'),
      );
      return new Map(rows.map((row) => [row.master_id as string, row.keys as number]));
    },
    rewrapSome: (from, rewrap) =>
      postgres.withTenant(EVERY_TENANT, async (client) => {
        const { rows } = await client.query(
          `select tenant, id, master_id, wrapped from data_keys where master_id = any ($1)
            limit ${BATCH} for update skip locked`,
          [from],
        );
        for (const row of rows) {
          const tenant = row.tenant as string;
          const held = { id: row.id as string, masterId: row.master_id as string, wrapped: row.wrapped as Buffer };
          const key = await rewrap(tenant, held);
          await client.query('update data_keys set master_id = $3, wrapped = $4 where tenant = $1 and id = $2', [
            tenant,
            key.id,
            key.masterId,
            key.wrapped,
          ]);
        }
        return rows.length;
      }),
  };
}
