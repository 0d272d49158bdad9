import { fromJson, toJson } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import type { KeyRecord } from './key.ts';
import type { KeyStore, KeyTransaction, SecretMatch } from './key-store.ts';
import type { SecretDigest } from './peppers.ts';
import { revocationsAfter, tellRevoked } from './revocations.ts';

/** The schema version this store needs: the number of its newest migration. */
export const SCHEMA_VERSION = 5;

const EVERY_TENANT = '*';
const UNIQUE_VIOLATION = '23505';

/** The columns of a key, times as epoch milliseconds. */
const KEY = `k.tenant, k.id, k.spec, k.prefix, k.resource_uid, k.generated, k.revision::float8 as revision,
  ${epochMs('k.created_at')} as created_at_ms, ${epochMs('k.last_used_at')} as last_used_at_ms,
  ${epochMs('k.revoked_at')} as revoked_at_ms`;
const SECRET = `s.digest, s.pepper_id, ${epochMs('s.valid_until')} as valid_until_ms`;
const RETURNING = KEY.replaceAll('k.', 'keys.');

/** Keeps keys in Postgres; row-level security bounds each transaction to its tenant. */
export function createKeyStore(postgres: Postgres): KeyStore {
  const matches = async (where: string, value: unknown): Promise<SecretMatch[]> => {
    // The tenant is what a look-up finds out, so it runs across all of them; it reads one secret's rows.
    const { rows } = await postgres.withTenant(EVERY_TENANT, (client) =>
      client.query(
        `select ${KEY}, ${SECRET} from key_secrets s join keys k on k.tenant = s.tenant and k.id = s.key_id
          where ${where} limit 16`,
        [value],
      ),
    );
    return rows.map((row) => ({
      key: keyOf(row),
      secret: secretOf(row),
      validUntilMs: (row.valid_until_ms as number | null) ?? undefined,
    }));
  };
  return {
    inTenant: (tenant, work) => postgres.withTenant(tenant, (client) => work(transaction(client, tenant))),
    secretsByPrefix: (prefix) => matches('s.lookup_prefix = $1', prefix),
    secretsByDigest: (digests) => matches('s.lookup_prefix is null and s.digest = any($1::bytea[])', digests),
    async replaceDigest(match, next) {
      await postgres.withTenant(match.key.tenant, (client) =>
        client.query('update key_secrets set digest = $3, pepper_id = $4 where key_id = $1 and digest = $2', [
          match.key.id,
          match.secret.digest,
          next.digest,
          next.pepperId,
        ]),
      );
    },
    async ownedAfter(after, limit) {
      const { rows } = await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query(
          `select tenant, id, resource_uid, name from keys
            where resource_uid is not null and revoked_at is null and id > $1 order by id limit $2`,
          [after, limit],
        ),
      );
      return rows.map((row) => ({
        id: row.id as string,
        tenant: row.tenant as string,
        resourceUid: row.resource_uid as string,
        name: row.name as string,
      }));
    },
    async recordUse(uses) {
      await postgres.withTenant(EVERY_TENANT, (client) =>
        client.query(
          // Rows are locked in one order, since replicas write the use of the same keys at the same time.
          `with used as (
             select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[]) as u (tenant, id, endpoint, at_ms)
           ), locked as (
             select k.tenant, k.id from keys k join used using (tenant, id) order by k.tenant, k.id for update of k
           )
           update keys k set last_used_at = greatest(k.last_used_at, to_timestamp(used.at_ms / 1000)),
                  last_endpoint = used.endpoint
             from used join locked using (tenant, id) where k.tenant = used.tenant and k.id = used.id`,
          [
            uses.map((use) => use.tenant),
            uses.map((use) => use.keyId),
            uses.map((use) => use.endpoint),
            uses.map((use) => use.atMs),
          ],
        ),
      );
    },
    revocationsAfter: (sequence, limit) => revocationsAfter(postgres, sequence, limit),
    async prune(beforeMs) {
      await postgres.withTenant(EVERY_TENANT, async (client) => {
        const before = new Date(beforeMs);
        await client.query('delete from revocations where at < $1 and (record_id is null or recorded)', [before]);
        await client.query('delete from creations where created_at < $1', [before]);
        await client.query('delete from key_secrets where valid_until < now()');
      });
    },
  };
}

function transaction(client: TenantClient, tenant: string): KeyTransaction {
  const one = async (where: string, values: readonly unknown[]): Promise<KeyRecord | undefined> => {
    const { rows } = await client.query(`select ${KEY} from keys k where ${where} for update`, [...values]);
    return rows[0] === undefined ? undefined : keyOf(rows[0]);
  };
  return {
    keyById: (id) => one('k.id = $1', [id]),
    keyByResource: (uid) => one('k.resource_uid = $1 and k.revoked_at is null', [uid]),
    keyByName: (name) => one('k.name = $1 and k.revoked_at is null', [name]),
    async list(before, limit, { owner, teams } = { owner: '', teams: [] }) {
      const { rows } = await client.query(
        `select ${KEY} from keys k
          where ($1::text is null or k.id < $1)
            and (($3 = '' and cardinality($4::text[]) = 0) or ($3 <> '' and k.spec->>'owner' = $3)
              or (jsonb_array_length(coalesce(k.spec->'teams', '[]')) > 0 and k.spec->'teams' <@ to_jsonb($4::text[])))
          order by k.id desc limit $2`,
        [before ?? null, limit, owner, [...teams]],
      );
      return rows.map(keyOf);
    },
    async insert(key) {
      const { rows } = await orConflict('Another key has this name or resource.', () =>
        client.query(
          `insert into keys (tenant, id, name, spec, prefix, resource_uid, generated)
           values ($1, $2, $3, $4, $5, $6, $7) returning ${RETURNING}`,
          [
            tenant,
            key.id,
            key.spec.name,
            JSON.stringify(toJson(KeySpecSchema, key.spec)),
            key.prefix,
            key.resourceUid ?? null,
            key.generated,
          ],
        ),
      );
      return keyOf(rows[0] as Row);
    },
    async change(id, change) {
      const { rows } = await orConflict('Another key has this name.', () =>
        client.query(
          `update keys set revision = revision + 1, name = coalesce($2, name), spec = coalesce($3, spec),
                  prefix = coalesce($4, prefix), generated = coalesce($5, generated),
                  revoked_reason = coalesce($6, revoked_reason),
                  revoked_at = case when $6::text is null then revoked_at else now() end
            where id = $1 returning ${RETURNING}`,
          [
            id,
            change.spec?.name ?? null,
            change.spec === undefined ? null : JSON.stringify(toJson(KeySpecSchema, change.spec)),
            change.prefix ?? null,
            change.generated ?? null,
            change.revokedReason ?? null,
          ],
        ),
      );
      return keyOf(rows[0] as Row);
    },
    async secretsOf(keyId) {
      const { rows } = await client.query(
        `select ${SECRET} from key_secrets s where s.key_id = $1 and s.valid_until is null`,
        [keyId],
      );
      return rows.map(secretOf);
    },
    async addSecret(keyId, secret, lookupPrefix) {
      await orConflict(
        'This secret cannot be used; choose another.',
        () =>
          client.query(
            'insert into key_secrets (tenant, key_id, digest, pepper_id, lookup_prefix) values ($1, $2, $3, $4, $5)',
            [tenant, keyId, secret.digest, secret.pepperId, lookupPrefix ?? null],
          ),
        { path: '/secretRef' },
      );
    },
    async endSecrets(keyId, validUntilMs) {
      if (validUntilMs === undefined) await client.query('delete from key_secrets where key_id = $1', [keyId]);
      else {
        // A secret already in its grace must not gain time by a second rotation.
        await client.query('update key_secrets set valid_until = least(valid_until, $2) where key_id = $1', [
          keyId,
          new Date(validUntilMs),
        ]);
      }
    },
    notify: (keyId, reason, by = '') => tellRevoked(client, tenant, [{ keyId, reason, by }]),
    async creation(idempotencyKey) {
      const { rows } = await client.query(
        'select request_hash, key_id, sealed_secret from creations where idempotency_key = $1',
        [idempotencyKey],
      );
      const row = rows[0];
      if (row === undefined) return undefined;
      return {
        requestHash: row.request_hash as Buffer,
        keyId: row.key_id as string,
        sealedSecret: row.sealed_secret as Buffer,
      };
    },
    async rememberCreation(idempotencyKey, creation) {
      await orConflict('A request with this idempotency key is under way.', () =>
        client.query(
          `insert into creations (tenant, idempotency_key, request_hash, key_id, sealed_secret)
           values ($1, $2, $3, $4, $5)`,
          [tenant, idempotencyKey, creation.requestHash, creation.keyId, creation.sealedSecret],
        ),
      );
    },
  };
}

type Row = Record<string, unknown>;

function keyOf(row: Row): KeyRecord {
  return {
    tenant: row.tenant as string,
    id: row.id as string,
    // A newer replica may have written fields that this one does not know.
    spec: fromJson(KeySpecSchema, row.spec as never, { ignoreUnknownFields: true }),
    prefix: row.prefix as string,
    resourceUid: (row.resource_uid as string | null) ?? undefined,
    generated: row.generated as boolean,
    revision: row.revision as number,
    createdAtMs: row.created_at_ms as number,
    lastUsedAtMs: (row.last_used_at_ms as number | null) ?? undefined,
    revokedAtMs: (row.revoked_at_ms as number | null) ?? undefined,
  };
}

function secretOf(row: Row): SecretDigest {
  return { digest: row.digest as Buffer, pepperId: row.pepper_id as string };
}

function epochMs(column: string): string {
  return `floor(extract(epoch from ${column}) * 1000)::float8`;
}

async function orConflict<T>(message: string, work: () => Promise<T>, details?: Record<string, unknown>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
    throw new GatewayError('conflict', message, { cause: error, details });
  }
}
