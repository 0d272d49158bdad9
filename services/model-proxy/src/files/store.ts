import type { Postgres, Row } from '@sallyport/chassis/postgres';
import { sweepExpired } from '@sallyport/chassis/sweep-expired';
import { asObject } from '../chat/json.ts';
import type { Owner } from '../responses/kept.ts';
import { type RowSeal, whose } from '../responses/own-rows.ts';
import type { FileStore, KeptFile } from './kept.ts';

const OWN = 'tenant = $1 and principal_id = $2 and user_id = $3 and expires_at > now()';

/** Keeps in Postgres whose files are, for `ttlMs` after they were last used; where they are is sealed. */
export function createFileStore(postgres: Postgres, seals: RowSeal, ttlMs: number): FileStore {
  const read = (row: Row, owner: Owner): KeptFile => {
    const id = row.id as string;
    const { provider, providerUid, providerId, told, batch, sources } = seals.open(row.sealed, placeOf(owner, id));
    return {
      id,
      provider: String(provider),
      providerUid: String(providerUid),
      providerId: String(providerId),
      purpose: row.purpose as string,
      told: asObject(told) ?? {},
      ...(Array.isArray(sources) ? { sources: sources as string[] } : {}),
      ...(batch === undefined ? {} : { batch: batch as NonNullable<KeptFile['batch']> }),
    };
  };
  return {
    keep: (owner, { id, purpose, ...rest }) =>
      postgres.withTenant(owner.tenant, async (client) => {
        await client.query(
          `insert into files (tenant, principal_id, user_id, id, purpose, sealed, expires_at)
           values ($1, $2, $3, $4, $5, $6, now() + $7::float8 * interval '1 ms')`,
          [...whose(owner), id, purpose, seals.seal(rest, placeOf(owner, id)), ttlMs],
        );
      }),

    find: (owner, id) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rows } = await client.query(
          `update files set expires_at = now() + $5::float8 * interval '1 ms' where ${OWN} and id = $4
           returning id, purpose, sealed`,
          [...whose(owner), id, ttlMs],
        );
        return rows[0] && read(rows[0], owner);
      }),

    list: (owner, { after, order, limit }, purpose = '') =>
      postgres.withTenant(owner.tenant, async (client) => {
        const [beyond, direction] = order === 'asc' ? ['>', 'asc'] : ['<', 'desc'];
        const { rows } = await client.query(
          `select id, purpose, sealed from files where ${OWN} and ($4 = '' or purpose = $4)
             and ($5 = '' or position ${beyond} (select position from files where ${OWN} and id = $5))
           order by position ${direction} limit $6`,
          [...whose(owner), purpose, after ?? '', limit + 1],
        );
        return { files: rows.slice(0, limit).map((row) => read(row, owner)), more: rows.length > limit };
      }),

    remove: (owner, id) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rowCount } = await client.query(`delete from files where ${OWN} and id = $4`, [...whose(owner), id]);
        return rowCount !== 0;
      }),

    sweep: (nowMs) => sweepExpired(postgres, ['files'], nowMs),
  };
}

function placeOf(owner: Owner, id: string): string[] {
  return ['file', ...whose(owner), id];
}
