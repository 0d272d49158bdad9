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
}

/** Where endorsements are kept. */
export interface EndorsementStore {
  /** Which digests stand for an endorsed value in a run: digest → id of the endorsement. */
  find(tenant: string, trajectory: string, digests: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Newest first; an empty user is everybody. */
  page(tenant: string, user: string, limit: number, after: string): Promise<readonly StoredEndorsement[]>;
  /** Ends one; with a user, only that user's own. False where there is none. */
  revoke(tenant: string, id: string, user: string): Promise<boolean>;
}

const COLUMNS = `id, principal_id, user_id, trajectory, approval_id, endorsed_by, content,
  (extract(epoch from created_at) * 1000)::float8 as created_ms, (extract(epoch from expires_at) * 1000)::float8 as expires_ms`;

const purposeOf = (tenant: string, id: string) => JSON.stringify(['endorsement', tenant, id]);

/** Keeps endorsements in Postgres: digests to find them by, and sealed what people are shown. */
export function createEndorsementStore(postgres: Postgres, sealing: Sealing): EndorsementStore {
  return {
    find: (tenant, trajectory, digests) =>
      postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query<{ digest: string; id: string }>(
          `select f.digest, e.id from endorsed_forms f
             join endorsements e on e.tenant = f.tenant and e.id = f.endorsement_id
            where f.tenant = $1 and f.digest = any($2::text[]) and e.expires_at > now()
              and (e.trajectory = '' or e.trajectory = $3)
            order by e.id`,
          [tenant, digests, trajectory],
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
          content: sealing.openValue<EndorsementContent>(purposeOf(tenant, row.id as string), row.content as Buffer),
        }));
      }),
    revoke: (tenant, id, user) =>
      postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query(
          `delete from endorsements where tenant = $1 and id = $2 and ($3 = '' or user_id = $3)
           returning trajectory, principal_id, user_id, approval_id, content`,
          [tenant, id, user],
        );
        const gone = rows[0];
        if (gone === undefined) return false;
        const { tool, argument } = sealing.openValue<EndorsementContent>(purposeOf(tenant, id), gone.content as Buffer);
        const record: OutgoingRecord = {
          id: uuidv7(),
          kind: Record_Kind.APPROVAL,
          tenant,
          trajectory: gone.trajectory as string,
          startedAtMs: Date.now(),
          principalId: gone.principal_id as string,
          user: gone.user_id as string,
          toolName: `${tool.server || tool.owner}/${tool.name}`,
          outcome: 'ok',
          detailJson: JSON.stringify({ endorsement: id, approval: gone.approval_id, state: 'revoked', argument }),
        };
        await keepRecords(client, [record], sealing);
        return true;
      }),
  };
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
                                   expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::float8 / 1000)) returning id)
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
      ],
    );
  }
}
