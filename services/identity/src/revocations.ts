import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { uuidv7 } from '@sallyport/chassis/uuid';

/** Reason of a notice after which nothing has ended: caches are asked again. All other reasons end open work. */
export const CHANGED = 'changed';

/** Something whose rights changed or ended; any one of the ids is enough. */
export interface Revocation {
  readonly keyId?: string;
  /** Name of a person, without "user:". */
  readonly user?: string;
  readonly client?: string;
  /** An OAuth grant or session. */
  readonly sessionId?: string;
  /** `changed`, or why it ended, for people. */
  readonly reason: string;
  /** Who did it, as a principal's id; absent where a resource or a clock did. */
  readonly by?: string;
  /** What the log says of it; absent: the reason. With `changed` nothing is recorded unless this is given. */
  readonly said?: string;
}

/** One notice of the feed; the sequence rises by one over all tenants. Ids that are not meant are ''. */
export interface RevocationNotice extends Required<Omit<Revocation, 'said'>> {
  readonly tenant: string;
  readonly sequence: number;
}

/**
 * Tells every replica and service of revocations, within the transaction that makes them: neither is there without the
 * other. The order of all tenants hangs on one row that stays locked until the end, so say this last.
 */
export async function tellRevoked(
  client: TenantClient,
  tenant: string,
  revocations: readonly Revocation[],
): Promise<void> {
  if (revocations.length === 0) return;
  const column = (of: (one: Revocation) => string | null | undefined) => revocations.map((one) => of(one) ?? null);
  await client.query(
    `with head as (update revocation_head set sequence = sequence + $2 returning sequence)
     insert into revocations (tenant, sequence, key_id, user_name, client, session_id, reason, told_by, said, record_id)
     select $1, head.sequence - $2 + r.place, coalesce(r.key_id, ''), coalesce(r.user_name, ''), coalesce(r.client, ''),
            coalesce(r.session_id, ''), r.reason, coalesce(r.told_by, ''), r.said, r.record_id
       from head, unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
         with ordinality as r (key_id, user_name, client, session_id, reason, told_by, said, record_id, place)`,
    [
      tenant,
      revocations.length,
      column((one) => one.keyId),
      column((one) => one.user),
      column((one) => one.client),
      column((one) => one.sessionId),
      column((one) => one.reason),
      column((one) => one.by),
      column((one) => one.said),
      column((one) => (one.reason === CHANGED && one.said === undefined ? null : uuidv7())),
    ],
  );
}

// Asked several times a second, nearly always for nothing: frozen, it is encoded once. What waits for audit is asked for with
// it: by itself it would be two transactions more each time.
const GLANCE = Object.freeze([
  {
    sql: `select sequence::float8 as head, exists(select from record_outbox)
      or exists(select from revocations where record_id is not null and not recorded) as records_wait
      from revocation_head`,
    values: [],
    options: { prepared: 'revocations at a glance' },
  },
]);
const KEPT = { prepared: 'revocations after' } as const;
const AFTER = `select h.sequence::float8 as head, r.tenant, r.key_id, r.user_name, r.client, r.session_id, r.reason, r.told_by,
  r.sequence::float8 as sequence
  from revocation_head h left join revocations r on r.sequence > $1::bigint
  order by r.sequence limit $2`;

/** What one look at the feed tells. */
export interface RevocationsSeen {
  readonly head: number;
  readonly notices: RevocationNotice[];
  /** Audit does not have all records of revocations and of what people did. */
  readonly recordsWait: boolean;
}

/** The feed's head, up to `limit` notices after `sequence`, in order, and whether there is something to tell audit. */
export async function revocationsAfter(postgres: Postgres, sequence: number, limit: number): Promise<RevocationsSeen> {
  const [[seen] = []] = await postgres.together('*', GLANCE);
  const recordsWait = seen?.records_wait === true;
  const headSeen = (seen?.head as number | undefined) ?? 0;
  if (headSeen <= sequence) return { head: headSeen, notices: [], recordsWait };
  // One statement, which sees head and notices of one moment.
  const [rows = []] = await postgres.together('*', [{ sql: AFTER, values: [sequence, limit], options: KEPT }]);
  const notices = rows
    .filter((row) => row.sequence !== null)
    .map(
      (row): RevocationNotice => ({
        tenant: row.tenant as string,
        keyId: row.key_id as string,
        user: row.user_name as string,
        client: row.client as string,
        sessionId: row.session_id as string,
        reason: row.reason as string,
        by: row.told_by as string,
        sequence: row.sequence as number,
      }),
    );
  const [first] = rows;
  return { head: (first?.head as number | undefined) ?? 0, notices, recordsWait };
}
