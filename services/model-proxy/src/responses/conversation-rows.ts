import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres, Row, TenantClient } from '@sallyport/chassis/postgres';
import { asString } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { KeptConversation, Owner, ResponseStore } from './kept.ts';
import { type RowSeal, tooLarge, whose } from './own-rows.ts';

const OWN = 'tenant = $1 and principal_id = $2 and user_id = $3 and id = $4 and expires_at > now()';
const COLUMNS = 'id, trajectory, sealed, created_at';

type ConversationStore = Pick<
  ResponseStore,
  | 'openConversation'
  | 'conversation'
  | 'describe'
  | 'removeConversation'
  | 'add'
  | 'page'
  | 'all'
  | 'item'
  | 'removeItem'
>;

/** How much of conversations is kept. */
export interface ConversationBounds {
  /** Most conversations of one principal. */
  readonly maxConversations: number;
  /** Items from which on nothing is added to a conversation any more. */
  readonly maxItems: number;
}

/**
 * The part of the store that keeps conversations. Each use of one makes it live `ttlMs` from then. What would go beyond the
 * bounds is refused with `rate_limited` (too many conversations) or `conflict` (a full one).
 */
export function conversationRows(
  postgres: Postgres,
  seals: RowSeal,
  ttlMs: number,
  { maxConversations, maxItems }: ConversationBounds,
): ConversationStore {
  const read = (row: Row, owner: Owner): KeptConversation => {
    const id = row.id as string;
    const metadata = seals.open(row.sealed, placeOf(owner, id));
    return { id, createdAtMs: (row.created_at as Date).getTime(), metadata, trajectory: row.trajectory as string };
  };
  const readItem = (row: Row, owner: Owner, id: string): JsonObject =>
    seals.open(row.sealed, [...placeOf(owner, id), row.id as string]);
  const find = async (client: TenantClient, owner: Owner, id: string): Promise<KeptConversation | undefined> => {
    const { rows } = await client.query(`select ${COLUMNS} from conversations where ${OWN}`, [...whose(owner), id]);
    return rows[0] && read(rows[0], owner);
  };
  const insert = async (client: TenantClient, owner: Owner, id: string, items: readonly JsonObject[]) => {
    if (items.length === 0) return;
    const ids = items.map((item) => asString(item.id) ?? '');
    await client.query(
      `insert into conversation_items (tenant, conversation_id, id, sealed)
       select $1, $2, one.id, one.sealed from unnest($3::text[], $4::bytea[]) with ordinality as one (id, sealed, place)
        order by one.place
       on conflict (tenant, conversation_id, id) do nothing`,
      [owner.tenant, id, ids, items.map((item, at) => seals.seal(item, [...placeOf(owner, id), ids[at] as string]))],
    );
  };
  /** Counts no further than to the bound: that is all that is to be known. */
  const refuseFull = async (client: TenantClient, owner: Owner, id: string) => {
    const { rows } = await client.query(
      `select count(*) as items from
         (select from conversation_items where tenant = $1 and conversation_id = $2 limit $3) as held`,
      [owner.tenant, id, maxItems],
    );
    if (Number(rows[0]?.items) >= maxItems) throw full(maxItems);
  };
  return {
    openConversation: (owner, { id, metadata, trajectory }, items) =>
      postgres.withTenant(owner.tenant, async (client) => {
        if (items.length > maxItems) throw full(maxItems);
        const { rows } = await client.query(
          `select count(*) as kept from (select from conversations
             where tenant = $1 and principal_id = $2 and user_id = $3 and expires_at > now() limit $4) as held`,
          [...whose(owner), maxConversations],
        );
        if (Number(rows[0]?.kept) >= maxConversations) throw tooMany(maxConversations);
        await client.query(
          `insert into conversations (tenant, principal_id, user_id, id, trajectory, sealed, expires_at)
           values ($1, $2, $3, $4, $5, $6, now() + $7::float8 * interval '1 ms')`,
          [...whose(owner), id, trajectory, seals.seal(metadata, placeOf(owner, id)), ttlMs],
        );
        await insert(client, owner, id, items);
      }),

    conversation: (owner, id) => postgres.withTenant(owner.tenant, (client) => find(client, owner, id)),

    describe: (owner, id, metadata) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rows } = await client.query(
          `update conversations set sealed = $5, expires_at = now() + $6::float8 * interval '1 ms' where ${OWN}
           returning ${COLUMNS}`,
          [...whose(owner), id, seals.seal(metadata, placeOf(owner, id)), ttlMs],
        );
        return rows[0] && read(rows[0], owner);
      }),

    removeConversation: (owner, id) =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rowCount } = await client.query(`delete from conversations where ${OWN}`, [...whose(owner), id]);
        return rowCount !== 0;
      }),

    add: (owner, id, items, trajectory = '') =>
      postgres.withTenant(owner.tenant, async (client) => {
        const { rowCount } = await client.query(
          `update conversations set expires_at = now() + $5::float8 * interval '1 ms',
             trajectory = case when $6 = '' then trajectory else $6 end where ${OWN}`,
          [...whose(owner), id, ttlMs, trajectory],
        );
        if (rowCount === 0) return false;
        // Its row is locked: nobody else adds meanwhile.
        await refuseFull(client, owner, id);
        await insert(client, owner, id, items);
        return true;
      }),

    page: (owner, id, { after, order, limit }) =>
      postgres.withTenant(owner.tenant, async (client) => {
        if ((await find(client, owner, id)) === undefined) return undefined;
        const [beyond, direction] = order === 'asc' ? ['>', 'asc'] : ['<', 'desc'];
        const { rows } = await client.query(
          `select id, sealed from conversation_items where tenant = $1 and conversation_id = $2
              and ($3::text is null or position ${beyond} (select position from conversation_items
                where tenant = $1 and conversation_id = $2 and id = $3))
            order by position ${direction} limit $4`,
          [owner.tenant, id, after ?? null, limit + 1],
        );
        const items = rows.slice(0, limit).map((row) => readItem(row, owner, id));
        return { items, more: rows.length > limit };
      }),

    all: (owner, id, maxBytes) =>
      postgres.withTenant(owner.tenant, async (client) => {
        if ((await find(client, owner, id)) === undefined) return undefined;
        const values = [owner.tenant, id];
        const of = 'from conversation_items where tenant = $1 and conversation_id = $2';
        const { rows: sums } = await client.query(
          `select coalesce(sum(octet_length(sealed)), 0) as bytes ${of}`,
          values,
        );
        if (Number(sums[0]?.bytes) > maxBytes) throw tooLarge();
        // Before a model is asked for what could not be kept.
        await refuseFull(client, owner, id);
        const { rows } = await client.query(`select id, sealed ${of} order by position`, values);
        return rows.map((row) => readItem(row, owner, id));
      }),

    item: (owner, id, itemId) =>
      postgres.withTenant(owner.tenant, async (client) => {
        if ((await find(client, owner, id)) === undefined) return undefined;
        const { rows } = await client.query(
          'select id, sealed from conversation_items where tenant = $1 and conversation_id = $2 and id = $3',
          [owner.tenant, id, itemId],
        );
        return rows[0] && readItem(rows[0], owner, id);
      }),

    removeItem: (owner, id, itemId) =>
      postgres.withTenant(owner.tenant, async (client) => {
        if ((await find(client, owner, id)) === undefined) return false;
        const { rowCount } = await client.query(
          'delete from conversation_items where tenant = $1 and conversation_id = $2 and id = $3',
          [owner.tenant, id, itemId],
        );
        return rowCount !== 0;
      }),
  };
}

function full(most: number): GatewayError {
  return new GatewayError('conflict', `This conversation holds ${most} items and takes no more: begin another one.`, {
    details: { param: 'conversation' },
  });
}

function tooMany(most: number): GatewayError {
  const why = `There are ${most} conversations already: delete some, or wait until those that nobody uses have expired.`;
  return new GatewayError('rate_limited', why, { details: { param: 'conversation' } });
}

function placeOf(owner: Owner, id: string): string[] {
  return ['conversation', ...whose(owner), id];
}
