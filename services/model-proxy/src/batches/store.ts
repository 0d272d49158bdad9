import type { Postgres, Row } from '@sallyport/chassis/postgres';
import { sweepExpired } from '@sallyport/chassis/sweep-expired';
import type { Owner } from '../responses/kept.ts';
import { type RowSeal, whose } from '../responses/own-rows.ts';
import type { BatchStore, KeptBatch } from './kept.ts';

const OWN = 'tenant = $1 and principal_id = $2 and user_id = $3 and expires_at > now()';

/** Keeps in Postgres whose batches are, for `ttlMs` after they began or changed; all that is known of them is sealed. */
export function createBatchStore(postgres: Postgres, seals: RowSeal, ttlMs: number): BatchStore {
  const read = (row: Row, owner: Owner): KeptBatch => {
    const id = row.id as string;
    return { ...(seals.open(row.sealed, placeOf(owner, id)) as unknown as Omit<KeptBatch, 'id'>), id };
  };
  return {
    keep: (owner, { id, ...rest }) =>
      postgres.withTenant(owner.tenant, async (client) => {
        await client.query(
          `insert into batches (tenant, principal_id, user_id, id, sealed, expires_at)
           values ($1, $2, $3, $4, $5, now() + $6::float8 * interval '1 ms')`,
          [...whose(owner), id, seals.seal(rest, placeOf(owner, id)), ttlMs],
        );
      }),

    find: (owner, id) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rows } = await client.query(`select id, sealed from batches where ${OWN} and id = $4`, [
          ...whose(owner),
          id,
        ]);
        return rows[0] && read(rows[0], owner);
      }),

    list: (owner, { after, limit }) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rows } = await client.query(
          `select id, sealed from batches where ${OWN}
             and ($4 = '' or position < (select position from batches where ${OWN} and id = $4))
           order by position desc limit $5`,
          [...whose(owner), after ?? '', limit + 1],
        );
        return { batches: rows.slice(0, limit).map((row) => read(row, owner)), more: rows.length > limit };
      }),

    change: (owner, { id, ...rest }) =>
      postgres.withTenant(owner.tenant, async (client) => {
        await client.query(
          `update batches set sealed = $5, expires_at = now() + $6::float8 * interval '1 ms' where ${OWN} and id = $4`,
          [...whose(owner), id, seals.seal(rest, placeOf(owner, id)), ttlMs],
        );
      }),

    settleOnce: (owner, id) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rowCount } = await client.query(
          `update batches set settled = true where ${OWN} and id = $4 and not settled`,
          [...whose(owner), id],
        );
        return rowCount !== 0;
      }),

    sweep: (nowMs) => sweepExpired(postgres, ['batches'], nowMs),
  };
}

function placeOf(owner: Owner, id: string): string[] {
  return ['batch', ...whose(owner), id];
}
