import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { subjectsOf } from '@sallyport/peers/revoked';
import type { ApprovalContent, ApprovalState, StoredApproval } from './approval.ts';
import { type EndorsementToKeep, keepEndorsements } from './endorsement-store.ts';
import type { OutgoingRecord } from './outbox.ts';
import { keepRecords } from './outbox.ts';
import { recordOf } from './record.ts';
import type { Sealing } from './sealing.ts';
import type { Spoken } from './speak.ts';

/** The schema version that approvals need: the number of their newest migration. */
export const SCHEMA_VERSION = 6;

/** A question to be put before people. */
export interface NewApproval {
  readonly id: string;
  readonly trajectory: string;
  readonly callDigest: string;
  /** Newest key first; the first is stored. */
  readonly bindings: readonly [string, ...string[]];
  readonly content: ApprovalContent;
  readonly expiresAtMs: number;
  readonly record: OutgoingRecord;
}

/** A question that stands, new or found. */
export interface OpenApproval {
  readonly id: string;
  readonly expiresAtMs: number;
  readonly isNew: boolean;
}

/** What a call may be let go by. */
export interface Use {
  readonly bindings: readonly string[];
  readonly callDigests: readonly string[];
  /** What it is used for; empty: nothing that could be repeated. */
  readonly useId: string;
}

/** What is done when an approver spoke. */
export interface Outcome extends Spoken {
  readonly endorsements: readonly EndorsementToKeep[];
  readonly records: readonly OutgoingRecord[];
}

/** Names an approval in its tenant. */
export interface ApprovalKey {
  readonly tenant: string;
  readonly id: string;
}

/** Where approvals are kept. */
export interface ApprovalStore {
  /** Opens questions, all or none; one that stands already for the same call in the same state is found again. */
  open(tenant: string, approvals: readonly NewApproval[]): Promise<readonly OpenApproval[]>;
  /**
   * Uses up an approval of exactly this call, once, for the same use again and again; answers its id. What was granted
   * or asked for the same call in another state is void from then on.
   */
  use(tenant: string, uses: readonly Use[]): Promise<readonly (string | undefined)[]>;
  get(key: ApprovalKey): Promise<StoredApproval | undefined>;
  /** Newest first, at most `limit`, after the given one; of `open` only those that are not over. */
  page(
    tenant: string,
    limit: number,
    after: ApprovalKey | undefined,
    open: boolean,
  ): Promise<readonly StoredApproval[]>;
  /** Lets one word be taken at a time: `word` sees the approval as it is then, and decides what becomes of it. */
  decide(key: ApprovalKey, word: (approval: StoredApproval | undefined) => Outcome): Promise<StoredApproval>;
  /** What stands of approvals of whatever tenants. */
  states(keys: readonly ApprovalKey[]): Promise<ReadonlyMap<string, { state: ApprovalState; expiresAtMs: number }>>;
}

/** Most questions that may stand for one principal at a time. */
export const MAX_PENDING = 100;
const COLUMNS = `tenant, id, trajectory, state, content, words,
  (extract(epoch from created_at) * 1000)::float8 as created_ms, (extract(epoch from expires_at) * 1000)::float8 as expires_ms`;

/** Keeps approvals in Postgres, sealed; row-level security bounds each transaction to its tenant. */
export function createApprovalStore(postgres: Postgres, sealing: Sealing): ApprovalStore {
  const read = (row: Record<string, unknown>): StoredApproval => {
    const [tenant, id] = [row.tenant as string, row.id as string];
    return {
      tenant,
      id,
      trajectory: row.trajectory as string,
      state: row.state as ApprovalState,
      createdAtMs: row.created_ms as number,
      expiresAtMs: row.expires_ms as number,
      content: sealing.openContent(tenant, id, row.content as Buffer),
      words: sealing.openWords(tenant, id, row.words as Buffer),
    };
  };
  const one = async (client: TenantClient, { tenant, id }: ApprovalKey, lock: string) => {
    const sql = `select ${COLUMNS} from approvals where tenant = $1 and id = $2 ${lock}`;
    const { rows } = await client.query(sql, [tenant, id]);
    return rows.map(read)[0];
  };

  return {
    open: (tenant, approvals) =>
      postgres.withTenant(tenant, async (client) => {
        const opened: OpenApproval[] = [];
        for (const approval of approvals) opened.push(await open(client, tenant, approval, sealing));
        return opened;
      }),
    use: (tenant, uses) =>
      postgres.withTenant(tenant, async (client) => {
        const ids: (string | undefined)[] = [];
        for (const use of uses) ids.push(await consume(client, tenant, use, sealing));
        return ids;
      }),
    get: (key) => postgres.withTenant(key.tenant, (client) => one(client, key, '')),
    page: (tenant, limit, after, open) =>
      postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query(
          `select ${COLUMNS} from approvals
            where tenant = $1 and ($3::text is null or (created_at, id) <
              (select a.created_at, a.id from approvals a where a.tenant = $1 and a.id = $3))
              and (not $4 or (state in ('pending', 'approved') and expires_at > now()))
            order by created_at desc, id desc limit $2`,
          [tenant, limit, after?.id ?? null, open],
        );
        return rows.map(read);
      }),
    decide: (key, word) =>
      postgres.withTenant(key.tenant, async (client) => {
        const { tenant, id } = key;
        const before = await one(client, key, 'for update');
        const { state, words, expiresAtMs, endorsements, records } = word(before);
        await client.query(
          `update approvals set state = $3, words = $4, expires_at = to_timestamp($5::float8 / 1000)
            where tenant = $1 and id = $2`,
          [tenant, id, state, sealing.words(tenant, id, words), expiresAtMs],
        );
        await keepEndorsements(client, tenant, endorsements, sealing);
        await keepRecords(client, records, sealing);
        return { ...(before as StoredApproval), state, words, expiresAtMs };
      }),
    states: (keys) =>
      postgres.withTenant('*', async (client) => {
        const { rows } = await client.query(
          `select tenant, id, state, (extract(epoch from expires_at) * 1000)::float8 as expires_ms from approvals
            where (tenant, id) in (select * from unnest($1::text[], $2::text[]))`,
          [keys.map((key) => key.tenant), keys.map((key) => key.id)],
        );
        return new Map(
          rows.map((row) => [
            keyText({ tenant: row.tenant as string, id: row.id as string }),
            { state: row.state as ApprovalState, expiresAtMs: row.expires_ms as number },
          ]),
        );
      }),
  };
}

/** One text for an approval's key. */
export function keyText({ tenant, id }: ApprovalKey): string {
  return `${tenant}/${id}`;
}

async function open(
  client: TenantClient,
  tenant: string,
  approval: NewApproval,
  sealing: Sealing,
): Promise<OpenApproval> {
  const { id, bindings, content } = approval;
  await client.query(
    `update approvals set state = 'expired' where tenant = $1 and binding = any($2::text[])
        and state in ('pending', 'approved', 'rejected') and expires_at <= now()`,
    [tenant, bindings],
  );
  // Twice: between looking and inserting, another replica may open the same question.
  for (let attempt = 0; attempt < 2; attempt++) {
    const { rows } = await client.query(
      `select id, (extract(epoch from expires_at) * 1000)::float8 as expires_ms from approvals
        where tenant = $1 and binding = any($2::text[]) and state in ('pending', 'approved', 'rejected')
        order by id limit 1`,
      [tenant, bindings],
    );
    const found = rows[0];
    if (found !== undefined) {
      return { id: found.id as string, expiresAtMs: found.expires_ms as number, isNew: false };
    }
    const { requester, remindMs } = content;
    const made = await client.query(
      `insert into approvals (tenant, id, trajectory, principal_id, user_id, call_digest, binding, state, content, words,
                              expires_at, remind_at, subjects)
       select $1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, to_timestamp($10::float8 / 1000),
              now() + make_interval(secs => $11::float8 / 1000), $12
        where (select count(*) from approvals where tenant = $1 and principal_id = $4 and user_id = $5
                  and state = 'pending' and expires_at > now()) < ${MAX_PENDING}
       on conflict do nothing`,
      [
        tenant,
        id,
        approval.trajectory,
        requester.id,
        requester.user,
        approval.callDigest,
        bindings[0],
        sealing.content(tenant, id, content),
        sealing.words(tenant, id, []),
        approval.expiresAtMs,
        remindMs ?? null,
        subjectsOf(requester),
      ],
    );
    if (made.rowCount === 1) {
      await keepRecords(client, [approval.record], sealing);
      return { id, expiresAtMs: approval.expiresAtMs, isNew: true };
    }
  }
  throw new GatewayError('rate_limited', 'Too many calls of this principal wait for a person.');
}

async function consume(client: TenantClient, tenant: string, use: Use, sealing: Sealing): Promise<string | undefined> {
  const { bindings, callDigests, useId } = use;
  const used = await client.query(
    `with chosen as (
       select id, state as before from approvals
        where tenant = $1 and binding = any($2::text[]) and expires_at > now()
          and (state = 'approved' or (state = 'used' and used_by = $3 and $3 <> ''))
        order by state desc, id limit 1 for update)
     update approvals a set state = 'used', used_by = $3 from chosen
      where a.tenant = $1 and a.id = chosen.id returning a.id, a.trajectory, a.content, chosen.before`,
    [tenant, bindings, useId],
  );
  if (used.rows.length > 0) {
    await keepRecords(
      client,
      recordsOf(
        tenant,
        'used',
        used.rows.filter((row) => row.before !== 'used'),
        sealing,
      ),
      sealing,
    );
    return used.rows[0]?.id as string;
  }
  const gone = await client.query(
    `update approvals set state = 'void' where tenant = $1 and call_digest = any($2::text[])
        and binding <> all($3::text[]) and state in ('pending', 'approved') returning id, trajectory, content`,
    [tenant, callDigests, bindings],
  );
  await keepRecords(client, recordsOf(tenant, 'void', gone.rows, sealing), sealing);
  return undefined;
}

function recordsOf(tenant: string, state: ApprovalState, rows: readonly Record<string, unknown>[], sealing: Sealing) {
  const atMs = Date.now();
  return rows.map((row) => {
    const [id, trajectory] = [row.id as string, row.trajectory as string];
    return recordOf({
      tenant,
      id,
      trajectory,
      content: sealing.openContent(tenant, id, row.content as Buffer),
      state,
      atMs,
    });
  });
}
