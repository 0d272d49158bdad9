import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { ownedRows } from './owned-store.ts';
import type {
  GrantRecord,
  InvalidationNotice,
  SealedSecret,
  VaultStore,
  VaultTransaction,
  WrappedKey,
} from './vault-store.ts';

/** The schema version this store needs: the number of its newest migration. */
export const SCHEMA_VERSION = 6;

const EVERY_TENANT = '*';
// Asked several times a second, nearly always for nothing: frozen, it is encoded once. What waits for audit is asked for with
// it: by itself it would be a transaction more each time.
const GLANCE = Object.freeze([
  {
    sql: 'select sequence::float8 as head, exists(select from record_outbox) as records_wait from invalidation_head',
    values: [],
    options: { prepared: 'invalidations at a glance' },
  },
]);
const KEPT = { prepared: 'invalidations after' } as const;
const AFTER = `select h.sequence::float8 as head, i.tenant, i.secret_name, i.secret_key, i.kind, i.uid, i.user_name, i.sequence::float8 as sequence
  from invalidation_head h left join invalidations i on i.sequence > $1::bigint
  order by i.sequence limit $2`;
const DATA_KEY = 'id, master_id, wrapped';
const GRANT = 'kind, uid, resource_name, secret_name, secret_key, origin, owners, auth, url, allow_private';

type Row = Record<string, unknown>;

/** Keeps sealed secrets in Postgres; row-level security bounds each transaction to its tenant. */
export function createVaultStore(postgres: Postgres): VaultStore {
  return {
    inTenant: (tenant, work) => postgres.withTenant(tenant, (client) => work(vaultTransaction(client, tenant))),
    async grantsAfter(after, limit) {
      const { rows } = await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query(
          `select tenant, kind, uid, resource_name from grants where (tenant, kind, uid) > ($1, $2, $3)
            order by tenant, kind, uid limit $4`,
          [after?.tenant ?? '', after?.kind ?? '', after?.uid ?? '', limit],
        ),
      );
      return rows.map((row) => ({
        tenant: row.tenant as string,
        kind: row.kind as string,
        uid: row.uid as string,
        resourceName: row.resource_name as string,
      }));
    },
    async removeUngranted(beforeMs) {
      const { rowCount } = await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query(
          `delete from secrets s where s.updated_at < $1 and not exists (
             select from grants g where g.tenant = s.tenant and g.secret_name = s.name and g.secret_key = s.key)`,
          [new Date(beforeMs)],
        ),
      );
      return rowCount ?? 0;
    },
    async recordLeases(counts) {
      await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query(
          // Rows are locked in one order, since replicas count leases of the same grants at the same time.
          `with counted as (
             select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::float8[])
                           as c (tenant, kind, uid, leases, at_ms)
           ), locked as (
             select g.tenant, g.kind, g.uid from grants g join counted using (tenant, kind, uid)
              order by g.tenant, g.kind, g.uid for update of g
           )
           update grants g set leases = g.leases + counted.leases,
                  last_leased_at = greatest(g.last_leased_at, to_timestamp(counted.at_ms / 1000))
             from counted join locked using (tenant, kind, uid)
            where g.tenant = counted.tenant and g.kind = counted.kind and g.uid = counted.uid`,
          [
            counts.map((count) => count.tenant),
            counts.map((count) => count.kind),
            counts.map((count) => count.uid),
            counts.map((count) => count.leases),
            counts.map((count) => count.lastAtMs),
          ],
        ),
      );
    },
    async addRecords(records) {
      await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query(
          'insert into record_outbox (tenant, id, record) select * from unnest($1::text[], $2::text[], $3::bytea[])',
          [
            records.map(({ tenant }) => tenant),
            records.map(({ record }) => record.id),
            records.map(({ record }) => record.bytes),
          ],
        ),
      );
    },
    async invalidationsAfter(sequence, limit) {
      const [[seen] = []] = await postgres.together(EVERY_TENANT, GLANCE);
      const recordsWait = seen?.records_wait === true;
      const headSeen = (seen?.head as number | undefined) ?? 0;
      if (headSeen <= sequence) return { head: headSeen, notices: [], recordsWait };
      // One statement, which sees head and notices of one moment.
      const read = { sql: AFTER, values: [sequence, limit], options: KEPT };
      const [rows = []] = await postgres.together(EVERY_TENANT, [read]);
      const notices = rows
        .filter((row) => row.sequence !== null)
        .map(
          (row): InvalidationNotice => ({
            tenant: row.tenant as string,
            ...(row.uid === ''
              ? { ref: { name: row.secret_name as string, key: row.secret_key as string } }
              : { resource: { kind: row.kind as string, uid: row.uid as string, user: row.user_name as string } }),
            sequence: row.sequence as number,
          }),
        );
      const [first] = rows;
      return { head: (first?.head as number | undefined) ?? 0, notices, recordsWait };
    },
    async prune(beforeMs) {
      await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query('delete from invalidations where at < $1', [new Date(beforeMs)]),
      );
    },
  };
}

/** Secrets and grants of a tenant over a transaction that is open. */
export function vaultTransaction(client: TenantClient, tenant: string): VaultTransaction {
  const first = async (sql: string, values: unknown[]): Promise<Row | undefined> =>
    (await client.query(sql, values)).rows[0];
  const newestDataKey = async () => {
    const row = await first(`select ${DATA_KEY} from data_keys order by id desc limit 1`, []);
    return row === undefined ? undefined : wrappedKeyOf(row);
  };
  return {
    newestDataKey,
    async dataKey(id) {
      const row = await first(`select ${DATA_KEY} from data_keys where id = $1`, [id]);
      return row === undefined ? undefined : wrappedKeyOf(row);
    },
    async addDataKey(key) {
      // Two replicas may both find none; the second keeps what the first made.
      await client.query(`select pg_advisory_xact_lock(hashtextextended('data key of ' || $1, 0))`, [tenant]);
      const held = await newestDataKey();
      if (held !== undefined) return held;
      await client.query('insert into data_keys (tenant, id, master_id, wrapped) values ($1, $2, $3, $4)', [
        tenant,
        key.id,
        key.masterId,
        key.wrapped,
      ]);
      return key;
    },
    async secret(ref, forChange) {
      const row = await first(
        `select name, key, data_key_id, sealed, source_version, revision::float8 as revision from secrets
          where name = $1 and key = $2 ${forChange ? 'for update' : ''}`,
        [ref.name, ref.key],
      );
      return row === undefined ? undefined : sealedSecretOf(row);
    },
    async putSecret(secret) {
      await client.query(
        `insert into secrets (tenant, name, key, data_key_id, sealed, source_version)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, name, key) do update set data_key_id = excluded.data_key_id, sealed = excluded.sealed,
           source_version = excluded.source_version, revision = secrets.revision + 1, updated_at = now()`,
        [tenant, secret.ref.name, secret.ref.key, secret.dataKeyId, secret.sealed, secret.sourceVersion],
      );
    },
    async touchSecret(ref) {
      await client.query('update secrets set updated_at = now() where name = $1 and key = $2', [ref.name, ref.key]);
    },
    async removeSecret(ref) {
      const { rowCount } = await client.query('delete from secrets where name = $1 and key = $2', [ref.name, ref.key]);
      return (rowCount ?? 0) > 0;
    },
    async grant(kind, uid) {
      const row = await first(`select ${GRANT} from grants where kind = $1 and uid = $2`, [kind, uid]);
      return row === undefined ? undefined : grantOf(row);
    },
    async grantNamed(kind, resourceName) {
      const row = await first(
        `select ${GRANT} from grants where kind = $1 and resource_name = $2 order by granted_at desc limit 1`,
        [kind, resourceName],
      );
      return row === undefined ? undefined : grantOf(row);
    },
    async grantsOf(resources) {
      const uids = resources.map(({ uid }) => uid);
      const { rows } = await client.query(`select ${GRANT} from grants where uid = any ($1)`, [uids]);
      return new Map(rows.map((row) => [row.uid as string, grantOf(row)]));
    },
    async lendingGrants(limit) {
      const { rows } = await client.query(
        `select ${GRANT} from grants where cardinality(owners) > 0 order by kind, resource_name, uid limit $1`,
        [limit],
      );
      return rows.map(grantOf);
    },
    async connectable(limit) {
      const { rows } = await client.query(
        `select ${GRANT} from grants where kind = 'ToolServer' and auth->>'type' = 'OAuth' order by resource_name limit $1`,
        [limit],
      );
      return rows.map(grantOf);
    },
    async signInsAt(issuer) {
      const { rows } = await client.query(
        `select ${GRANT} from grants
          where kind = 'IdentityProvider' and auth->>'type' = 'SignIn' and auth->>'issuer' = $1
          order by resource_name limit 10`,
        [issuer],
      );
      return rows.map(grantOf);
    },
    async removeSignIns(uid) {
      await client.query('delete from oauth_grants where uid = $1', [uid]);
    },
    async delegatedBy(issuer) {
      const { rows } = await client.query(
        `select uid from grants
          where kind = 'ToolServer' and coalesce(auth->>'identityIssuer', auth->>'issuer') = $1
            and auth->>'type' in ('EntraOnBehalfOf', 'IdentityAssertion')`,
        [issuer],
      );
      return rows.map(({ uid }) => uid as string);
    },
    async putGrant(grant) {
      await client.query(
        `insert into grants (tenant, kind, uid, resource_name, secret_name, secret_key, origin, owners, auth, url, allow_private)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (tenant, kind, uid) do update set resource_name = excluded.resource_name,
           secret_name = excluded.secret_name, secret_key = excluded.secret_key, origin = excluded.origin,
           owners = excluded.owners, auth = excluded.auth, url = excluded.url, allow_private = excluded.allow_private,
           granted_at = now()`,
        [
          tenant,
          grant.kind,
          grant.uid,
          grant.resourceName,
          grant.ref?.name,
          grant.ref?.key,
          grant.origin,
          grant.owners,
          grant.auth === undefined ? null : JSON.stringify(grant.auth),
          grant.url,
          grant.allowPrivate,
        ],
      );
    },
    async removeGrant(kind, uid) {
      await client.query('delete from grants where kind = $1 and uid = $2', [kind, uid]);
    },
    async notify(ref) {
      await client.query(
        `with head as (update invalidation_head set sequence = sequence + 1 returning sequence)
         insert into invalidations (tenant, sequence, secret_name, secret_key) select $1, sequence, $2, $3 from head`,
        [tenant, ref.name, ref.key],
      );
    },
    async notifyResource(kind, uid, user = '') {
      await client.query(
        `with head as (update invalidation_head set sequence = sequence + 1 returning sequence)
         insert into invalidations (tenant, sequence, secret_name, secret_key, kind, uid, user_name)
         select $1, sequence, '', '', $2, $3, $4 from head`,
        [tenant, kind, uid, user],
      );
    },
    async record({ id, bytes }) {
      await client.query('insert into record_outbox (tenant, id, record) values ($1, $2, $3)', [tenant, id, bytes]);
    },
    ...ownedRows(client, tenant),
  };
}

function wrappedKeyOf(row: Row): WrappedKey {
  return { id: row.id as string, masterId: row.master_id as string, wrapped: row.wrapped as Buffer };
}

function sealedSecretOf(row: Row): SealedSecret {
  return {
    ref: { name: row.name as string, key: row.key as string },
    dataKeyId: row.data_key_id as string,
    sealed: row.sealed as Buffer,
    sourceVersion: row.source_version as string,
    revision: row.revision as number,
  };
}

function grantOf(row: Row): GrantRecord {
  return {
    kind: row.kind as string,
    uid: row.uid as string,
    resourceName: row.resource_name as string,
    ref: row.secret_name === null ? undefined : { name: row.secret_name as string, key: row.secret_key as string },
    origin: row.origin as string,
    owners: row.owners as string[],
    auth: row.auth ?? undefined,
    url: row.url as string,
    allowPrivate: row.allow_private as boolean,
  };
}
