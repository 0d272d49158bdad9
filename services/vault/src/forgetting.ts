import type { Postgres } from '@sallyport/chassis/postgres';
import { isSignInGrant } from '@sallyport/custom-resources/grant-uids';
import { recordOf, type WaitingRecord } from './outbox.ts';
import { ownedReference } from './owner.ts';

/** Forgets what people brought for resources that are gone since before a time (epoch ms); answers how much. */
export type Forget = (beforeMs: number) => Promise<number>;

type Row = Record<string, unknown>;

const BATCH = 500;
const ACTOR = { principalId: 'service:vault' };
/** Tables of what was brought for a resource, and what tells one row of a resource from another. */
const TABLES = [
  { table: 'oauth_grants', names: 'user_name', told: 'user_name, resource_name', record: forgottenGrant },
  { table: 'oauth_clients', names: 'issuer, redirect_uri', told: 'issuer', record: undefined },
  {
    table: 'owned_credentials',
    names: 'kind, owner_kind, owner',
    told: 'kind, owner_kind, owner, resource_name, revision::float8 as revision',
    record: forgottenKey,
  },
] as const;
const GONE = 'not exists (select from grants g where g.tenant = t.tenant and g.uid = t.uid)';

/**
 * Makes it. A resource may be away for a while, and is the same by its UID when it comes back: so the time counts from when
 * it was first seen to be gone. Sealed tokens and keys are deleted with a record of each, in one transaction.
 */
export function createForgetting(postgres: Pick<Postgres, 'withTenant'>): Forget {
  return async (beforeMs) => {
    let forgotten = 0;
    for (const { table, names, told, record } of TABLES) {
      forgotten += await postgres.withTenant('*', async (client) => {
        // Replicas that did the same at once would wait for each other's rows.
        const alone = await client.query(`select pg_try_advisory_xact_lock(hashtextextended('forgetting', 0)) as had`);
        if (alone.rows[0]?.had !== true) return 0;
        await client.query(
          `update ${table} t set ungranted_at = null where ungranted_at is not null and not (${GONE})`,
        );
        await client.query(`update ${table} t set ungranted_at = now() where ungranted_at is null and ${GONE}`);
        const { rows } = await client.query(
          `delete from ${table} where (tenant, uid, ${names}) in (
             select tenant, uid, ${names} from ${table} t where ungranted_at < $1 and ${GONE}
              limit ${BATCH} for update skip locked)
           returning tenant, uid, ${told}`,
          [new Date(beforeMs)],
        );
        const records = record === undefined ? [] : rows.map((row) => ({ row, made: record(row) }));
        await client.query(
          'insert into record_outbox (tenant, id, record) select * from unnest($1::text[], $2::text[], $3::bytea[])',
          [
            records.map(({ row }) => row.tenant),
            records.map(({ made }) => made.id),
            records.map(({ made }) => made.bytes),
          ],
        );
        return rows.length;
      });
    }
    return forgotten;
  };
}

function forgottenGrant({ tenant, uid, user_name: user, resource_name: name }: Row): WaitingRecord {
  return recordOf(tenant as string, {
    action: 'grants.forget',
    target: { kind: isSignInGrant(uid as string) ? 'IdentityProvider' : 'ToolServer', name, uid, user },
    change: { reason: 'resource_gone' },
    actor: ACTOR,
  });
}

function forgottenKey({ tenant, uid, kind, owner_kind: of, owner, resource_name: name, revision }: Row): WaitingRecord {
  const row = { owner: { kind: of, name: owner }, resourceName: name, revision } as Parameters<
    typeof ownedReference
  >[0];
  return recordOf(tenant as string, {
    action: 'credentials.forget',
    target: { kind, name, uid },
    change: { before: ownedReference(row), after: null, reason: 'resource_gone' },
    actor: ACTOR,
  });
}
