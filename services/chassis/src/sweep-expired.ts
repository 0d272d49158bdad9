import type { Postgres } from './postgres.ts';

/** Rows of one table in one transaction: whoever else wants a lock there waits no longer than for these. */
const ROWS = 500;

/**
 * Deletes some of the rows of these tables, of all tenants, whose `expires_at` is before a time (epoch milliseconds), and
 * answers how many; what another replica deletes right now is passed over. Names of tables are the caller's own words.
 */
export function sweepExpired(postgres: Postgres, tables: readonly string[], nowMs: number): Promise<number> {
  return postgres.withTenant('*', async (client) => {
    let gone = 0;
    for (const table of tables) {
      const { rowCount } = await client.query(
        `delete from ${table} where ctid in (select ctid from ${table}
          where expires_at < to_timestamp($1::float8 / 1000) limit ${ROWS} for update skip locked)`,
        [nowMs],
      );
      gone += rowCount ?? 0;
    }
    return gone;
  });
}
