import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import type { ToolRefFields } from '../rules/tool.ts';
import { keepRecords, type OutgoingRecord } from './outbox.ts';
import type { Sealing } from './sealing.ts';

/** What is endorsed. */
export interface EndorsementContent {
  readonly tool: ToolRefFields;
  readonly argument: string;
  readonly valueJson: string;
}

/** An endorsement to be kept with the word that made it. */
export interface EndorsementToKeep {
  readonly id: string;
  readonly principalId: string;
  readonly user: string;
  /** Empty: in every run of the user. */
  readonly trajectory: string;
  readonly approvalId: string;
  readonly endorsedBy: string;
  readonly expiresAtMs: number;
  /** One for each form in which the value may be written. */
  readonly digests: readonly string[];
  readonly content: EndorsementContent;
}

/** An endorsement as kept. */
export interface StoredEndorsement extends Omit<EndorsementToKeep, 'digests'> {
  readonly createdAtMs: number;
  /** Since when it counts for nothing, epoch ms; 0: it is in force. */
  readonly voidAtMs: number;
  readonly voidReason: string;
}

/** Where endorsements are kept. */
export interface EndorsementStore {
  /**
   * Which digests stand for a value endorsed in a run: digest → id of the endorsement. What was endorsed before `sinceMs` was
   * for somebody else who had the name.
   */
  find(
    tenant: string,
    trajectory: string,
    digests: readonly string[],
    sinceMs: number,
  ): Promise<ReadonlyMap<string, string>>;
  /** Newest first; an empty user is everybody. */
  page(tenant: string, user: string, limit: number, after: string): Promise<readonly StoredEndorsement[]>;
  /** Ends one; with a user, only that user's own. False where there is none. */
  revoke(tenant: string, id: string, user: string): Promise<boolean>;
  /** Voids those for tools of servers that are gone, as `isThere` says; answers how many. */
  voidGone(isThere: (tenant: string, serverUid: string) => boolean): Promise<number>;
}

/** Tenant, for the row itself, and what of a row its record tells. */
const TOLD = 'tenant, id, trajectory, principal_id, user_id, approval_id, content';

const COLUMNS = `id, principal_id, user_id, trajectory, approval_id, endorsed_by, content,
  (extract(epoch from void_at) * 1000)::float8 as void_ms, void_reason, (extract(epoch from created_at) * 1000)::float8 as created_ms, (extract(epoch from expires_at) * 1000)::float8 as expires_ms`;

const purposeOf = (tenant: string, id: string) => JSON.stringify(['endorsement', tenant, id]);

/** Keeps endorsements in Postgres: digests to find them by, and sealed what people are shown. */
export function createEndorsementStore(postgres: Postgres, sealing: Sealing): EndorsementStore {
  return {
    find: (tenant, trajectory, digests, sinceMs) =>
      postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query<{ digest: string; id: string }>(
          `select f.digest, e.id from endorsed_forms f
             join endorsements e on e.tenant = f.tenant and e.id = f.endorsement_id
            where f.tenant = $1 and f.digest = any($2::text[]) and e.expires_at > now()
              and e.void_at is null and (e.trajectory = '' or e.trajectory = $3)
              and e.created_at >= to_timestamp($4::float8 / 1000)
            order by e.id`,
          [tenant, digests, trajectory, sinceMs],
        );
        return new Map(rows.map(({ digest, id }) => [digest, id]));
      }),
    page: (tenant, user, limit, after) =>
      postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query(
          `select ${COLUMNS} from endorsements
            where tenant = $1 and ($2 = '' or user_id = $2) and expires_at > now()
              and ($4 = '' or (created_at, id) <
                (select e.created_at, e.id from endorsements e where e.tenant = $1 and e.id = $4))
            order by created_at desc, id desc limit $3`,
          [tenant, user, limit, after],
        );
        return rows.map((row) => ({
          id: row.id as string,
          principalId: row.principal_id as string,
          user: row.user_id as string,
          trajectory: row.trajectory as string,
          approvalId: row.approval_id as string,
          endorsedBy: row.endorsed_by as string,
          createdAtMs: row.created_ms as number,
          expiresAtMs: row.expires_ms as number,
          voidAtMs: (row.void_ms as number | null) ?? 0,
          voidReason: row.void_reason as string,
          content: sealing.openValue<EndorsementContent>(purposeOf(tenant, row.id as string), row.content as Buffer),
        }));
      }),
    revoke: (tenant, id, user) =>
      postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query(
          `delete from endorsements where tenant = $1 and id = $2 and ($3 = '' or user_id = $3)
           returning ${TOLD}`,
          [tenant, id, user],
        );
        await recordEnded(client, rows, sealing, { state: 'revoked' });
        return rows.length > 0;
      }),
    voidGone: (isThere) =>
      postgres.withTenant('*', async (client) => {
        const { rows } = await client.query<{ tenant: string; server_uid: string }>(
          "select distinct tenant, server_uid from endorsements where void_at is null and server_uid <> ''",
        );
        const gone = rows.filter((row) => !isThere(row.tenant, row.server_uid));
        if (gone.length === 0) return 0;
        const [tenants, uids] = [gone.map((row) => row.tenant), gone.map((row) => row.server_uid)];
        return await voidWhere(
          client,
          '(tenant, server_uid) in (select * from unnest($2::text[], $3::text[]))',
          [tenants, uids],
          { by: '', reason: 'The tool server is gone.' },
          sealing,
        );
      }),
  };
}

/** Voids what is endorsed for a person whose name is gone, inside the transaction of the notice; answers how many. */
export function voidEndorsementsOf(
  client: TenantClient,
  tenant: string,
  user: string,
  { beforeMs, ...ended }: { readonly by: string; readonly reason: string; readonly beforeMs: number },
  sealing: Sealing,
): Promise<number> {
  const where = 'tenant = $2 and user_id = $3 and created_at <= to_timestamp($4::float8 / 1000)';
  return voidWhere(client, where, [tenant, user, beforeMs], ended, sealing);
}

async function voidWhere(
  client: TenantClient,
  where: string,
  values: readonly unknown[],
  ended: { readonly by: string; readonly reason: string },
  sealing: Sealing,
): Promise<number> {
  const { rows } = await client.query(
    `update endorsements set void_at = now(), void_reason = $1
      where void_at is null and expires_at > now() and ${where} returning ${TOLD}`,
    [ended.reason, ...values],
  );
  await recordEnded(client, rows, sealing, { state: 'void', ...ended });
  return rows.length;
}

async function recordEnded(
  client: TenantClient,
  rows: readonly Readonly<Record<string, unknown>>[],
  sealing: Sealing,
  how: { readonly state: 'revoked' | 'void'; readonly by?: string; readonly reason?: string },
): Promise<void> {
  const records = rows.map((row): OutgoingRecord => {
    const [tenant, id] = [row.tenant as string, row.id as string];
    const { tool, argument } = sealing.openValue<EndorsementContent>(purposeOf(tenant, id), row.content as Buffer);
    return {
      id: uuidv7(),
      kind: Record_Kind.APPROVAL,
      tenant,
      trajectory: row.trajectory as string,
      startedAtMs: Date.now(),
      principalId: row.principal_id as string,
      user: row.user_id as string,
      toolName: `${tool.server || tool.owner}/${tool.name}`,
      outcome: 'ok',
      detailJson: JSON.stringify({ endorsement: id, approval: row.approval_id, argument, ...how }),
    };
  });
  await keepRecords(client, records, sealing);
}

/** Keeps endorsements inside the transaction of the word that made them. */
export async function keepEndorsements(
  client: TenantClient,
  tenant: string,
  endorsements: readonly EndorsementToKeep[],
  sealing: Sealing,
): Promise<void> {
  for (const one of endorsements) {
    await client.query(
      `with kept as (
         insert into endorsements (tenant, id, principal_id, user_id, trajectory, approval_id, endorsed_by, content,
                                   expires_at, server_uid)
         values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::float8 / 1000), $11) returning id)
       insert into endorsed_forms (tenant, digest, endorsement_id)
       select $1, d, kept.id from kept, unnest($10::text[]) d`,
      [
        tenant,
        one.id,
        one.principalId,
        one.user,
        one.trajectory,
        one.approvalId,
        one.endorsedBy,
        sealing.value(purposeOf(tenant, one.id), one.content),
        one.expiresAtMs,
        [...new Set(one.digests)],
        one.content.tool.serverUid,
      ],
    );
  }
}
