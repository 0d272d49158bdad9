import type { Postgres, Row, TenantClient } from '@sallyport/chassis/postgres';
import type { Sealer } from '@sallyport/chassis/seal';
import { sweepExpired } from '@sallyport/chassis/sweep-expired';
import { asArray, asObject, asString, isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { type ConversationBounds, conversationRows } from './conversation-rows.ts';
import { hasItemId } from './items.ts';
import type { KeptResponse, Owner, ResponseStore } from './kept.ts';
import { rowSeal, tooLarge, whose } from './own-rows.ts';

/** The schema version this store needs: the number of its newest migration. */
export const SCHEMA_VERSION = 6;

/** Longer chains no run makes; a loop would be one. */
const LONGEST_CHAIN = 1_000;
const OWN = 'tenant = $1 and principal_id = $2 and user_id = $3 and expires_at > now()';
const COLUMNS = 'id, trajectory, previous_id, conversation_id, sealed, context_bytes';
/** And what only who reads a response by itself is told. */
const WHOLE = `${COLUMNS}, told, (extract(epoch from now() - beat_at) * 1000)::float8 as silent_ms`;

/** Keeps responses and conversations in Postgres for `ttlMs`, sealed. */
export function createResponseStore(
  postgres: Postgres,
  sealer: Sealer,
  ttlMs: number,
  bounds: ConversationBounds,
): ResponseStore {
  const seals = rowSeal(sealer);
  const read = (row: Row, owner: Owner): KeptResponse => {
    const id = row.id as string;
    // Rows of before hold the beat and the events in there too.
    const { response, input, beatMs: sealedBeat, events: sealedEvents } = seals.open(row.sealed, placeOf(owner, id));
    const { told, silent_ms: silentMs } = row;
    const events = told == null ? sealedEvents : seals.open(told, toldPlaceOf(owner, id)).events;
    const beatMs = typeof silentMs === 'number' ? Date.now() - silentMs : sealedBeat;
    return {
      id,
      trajectory: row.trajectory as string,
      previousId: row.previous_id as string,
      conversationId: row.conversation_id as string,
      response: asObject(response) ?? {},
      input: asArray(input).filter(isObject),
      ...(typeof beatMs === 'number' ? { beatMs } : {}),
      ...(typeof events === 'string' ? { events } : {}),
    };
  };
  const sealedEvents = (owner: Owner, { id, events }: KeptResponse): Buffer | null =>
    events === undefined ? null : seals.seal({ events }, toldPlaceOf(owner, id));
  const findRow = async (client: TenantClient, owner: Owner, id: string, columns: string): Promise<Row | undefined> => {
    const { rows } = await client.query(`select ${columns} from responses where ${OWN} and id = $4`, [
      ...whose(owner),
      id,
    ]);
    return rows[0];
  };
  return {
    ...conversationRows(postgres, seals, ttlMs, bounds),

    keep: (owner, kept, contextBytes) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { id, trajectory, previousId, conversationId, response, input, beatMs } = kept;
        const items = [...input, ...asArray(response.output).filter(isObject)].filter(hasItemId);
        await client.query(
          `insert into responses (tenant, principal_id, user_id, id, trajectory, previous_id, conversation_id, item_ids,
             sealed, context_bytes, told, beat_at, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8::text[], $9, $10, $11, case when $12 then now() end,
             now() + $13::float8 * interval '1 ms')
           on conflict (tenant, id) do update set trajectory = excluded.trajectory, item_ids = excluded.item_ids,
             sealed = excluded.sealed, context_bytes = excluded.context_bytes, told = excluded.told,
             beat_at = excluded.beat_at, expires_at = excluded.expires_at
             where responses.principal_id = excluded.principal_id and responses.user_id = excluded.user_id`,
          [
            ...whose(owner),
            id,
            trajectory,
            previousId,
            conversationId,
            items.map(({ id }) => id),
            seals.seal({ response, input }, placeOf(owner, id)),
            contextBytes,
            sealedEvents(owner, kept),
            beatMs !== undefined,
            ttlMs,
          ],
        );
        if (previousId === '') return;
        await client.query(
          `with recursive chain as (
             select id, previous_id, 1 as depth from responses where ${OWN} and id = $4
             union all
             select r.id, r.previous_id, chain.depth + 1 from responses r join chain on r.id = chain.previous_id
              where r.tenant = $1 and r.principal_id = $2 and r.user_id = $3 and chain.depth < ${LONGEST_CHAIN})
           update responses set expires_at = greatest(expires_at, now() + $5::float8 * interval '1 ms')
            where tenant = $1 and id in (select id from chain)`,
          [...whose(owner), previousId, ttlMs],
        );
      }),

    find: (owner, id) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const row = await findRow(client, owner, id, WHOLE);
        return row && read(row, owner);
      }),

    alter: (owner, id, alter) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rows } = await client.query(`select ${COLUMNS} from responses where ${OWN} and id = $4 for update`, [
          ...whose(owner),
          id,
        ]);
        const kept = rows[0] && read(rows[0], owner);
        const changed = kept && alter(kept);
        if (changed === undefined) return kept;
        const { response, input } = changed;
        if (kept !== undefined && response === kept.response && input === kept.input) {
          // What is told is told again and again, and the request may be long.
          await client.query(`update responses set told = coalesce($5, told) where ${OWN} and id = $4`, [
            ...whose(owner),
            id,
            sealedEvents(owner, changed),
          ]);
          return changed;
        }
        const sealed = seals.seal({ response, input }, placeOf(owner, id));
        await client.query(
          `update responses set sealed = $5, cancelled = $6, told = coalesce($7, told) where ${OWN} and id = $4`,
          [...whose(owner), id, sealed, response.status === 'cancelled', sealedEvents(owner, changed)],
        );
        return changed;
      }),

    beat: (owner, id) =>
      postgres.withTenant(owner.tenant, async (client) => {
        await client.query(`update responses set beat_at = now() where ${OWN} and id = $4`, [...whose(owner), id]);
      }),

    chain: (owner, id, maxBytes) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const row = await findRow(client, owner, id, COLUMNS);
        if (row === undefined) return undefined;
        if (Number(row.context_bytes) > maxBytes) throw tooLarge();
        const { rows } = await client.query(
          `with recursive chain as (
             select ${COLUMNS}, 1 as depth from responses where ${OWN} and id = $4
             union all
             select r.id, r.trajectory, r.previous_id, r.conversation_id, r.sealed, r.context_bytes, chain.depth + 1
               from responses r join chain on r.id = chain.previous_id
              where r.tenant = $1 and r.principal_id = $2 and r.user_id = $3 and r.expires_at > now()
                and chain.depth < ${LONGEST_CHAIN})
           select * from chain order by depth desc`,
          [...whose(owner), id],
        );
        const chain = rows.map((one) => read(one, owner));
        return chain[0]?.previousId === '' ? chain : undefined;
      }),

    remove: (owner, id) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rowCount } = await client.query(`delete from responses where ${OWN} and id = $4`, [
          ...whose(owner),
          id,
        ]);
        return rowCount !== 0;
      }),

    ended: (asked) =>
      postgres.withTenant('*', async (client) => {
        const { rows } = await client.query(
          `select asked.id from unnest($1::text[], $2::text[]) as asked (tenant, id) where not exists (select from responses r
             where r.tenant = asked.tenant and r.id = asked.id and not r.cancelled and r.expires_at > now())`,
          [asked.map(({ tenant }) => tenant), asked.map(({ id }) => id)],
        );
        return rows.map(({ id }) => id as string);
      }),

    items: (owner, ids) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const wanted = new Set(ids);
        const found = new Map<string, JsonObject>();
        const { rows } = await client.query(
          `select ${COLUMNS} from responses where ${OWN} and item_ids && $4::text[] order by created_at limit 1000`,
          [...whose(owner), [...wanted]],
        );
        for (const row of rows) {
          const { response, input } = read(row, owner);
          for (const item of [...input, ...asArray(response.output).filter(isObject)]) {
            const id = asString(item.id);
            if (id !== undefined && wanted.has(id)) found.set(id, item);
          }
        }
        return found;
      }),

    sweep: (nowMs) => sweepExpired(postgres, ['responses', 'conversations'], nowMs),
  };
}

function placeOf(owner: Owner, id: string): string[] {
  return ['response', ...whose(owner), id];
}

function toldPlaceOf(owner: Owner, id: string): string[] {
  return ['events of a response', ...whose(owner), id];
}
