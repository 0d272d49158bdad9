import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { tellRevoked } from '../revocations.ts';
import type { OAuthKeys } from './keys.ts';

/** What somebody let a client do. */
export interface GrantFacts {
  readonly id: string;
  /** Name of the person; empty where the client acts for itself. */
  readonly user: string;
  readonly client: string;
  readonly identityProvider: string;
  readonly scopes: readonly string[];
  readonly createdAtMs: number;
  readonly usedAtMs: number;
  readonly expiresAtMs: number;
}

/** Who ended a grant, and why. */
export interface GrantEnd {
  readonly reason: string;
  /** Id of a principal; absent where nobody did. */
  readonly by?: string;
}

/** Grants of the OAuth server. */
export interface GrantStore {
  /** Saves a grant with what the library keeps of it. One that has ended stays so. */
  save(tenant: string, facts: Omit<GrantFacts, 'createdAtMs' | 'usedAtMs'>, content: object): Promise<void>;
  /** What the library keeps of a living grant. */
  contentOf(tenant: string, id: string): Promise<Record<string, unknown> | undefined>;
  /** A living grant; undefined when it has ended. */
  alive(tenant: string, id: string): Promise<GrantFacts | undefined>;
  /** The living grants of a person, newest first. */
  listOf(tenant: string, user: string, limit: number): Promise<GrantFacts[]>;
  /** Clients of a tenant that have living grants. */
  clientsOf(tenant: string): Promise<string[]>;
  /** Ends a grant with all of its tokens, and tells every service. False: it had ended. */
  end(tenant: string, id: string, end: GrantEnd): Promise<boolean>;
  /** Ends the grants of a person, of a client, or of a person to a client. Gives how many. */
  endAll(tenant: string, of: { readonly user?: string; readonly client?: string }, end: GrantEnd): Promise<number>;
}

const FACTS = `id, user_name, client, identity_provider, scopes, extract(epoch from created_at) * 1000 as created_ms,
  extract(epoch from used_at) * 1000 as used_ms, extract(epoch from expires_at) * 1000 as expires_ms`;
const MAX_ENDED = 10_000;

/** Keeps grants in Postgres. What ends one tells of it in the same transaction. */
export function createGrantStore(postgres: Postgres, keys: OAuthKeys): GrantStore {
  const boundTo = (tenant: string, id: string) => JSON.stringify(['oauth grant', tenant, id]);
  const ended = async (client: TenantClient, tenant: string, ids: readonly string[], { reason, by }: GrantEnd) => {
    await client.query('delete from oauth_artefacts where grant_id = any($1::text[])', [ids]);
    const told = ids.map((sessionId) => ({ sessionId, reason, ...(by === undefined ? {} : { by }) }));
    await tellRevoked(client, tenant, told);
  };
  return {
    async save(tenant, facts, content) {
      await postgres.withTenant(tenant, (client) =>
        client.query(
          `insert into oauth_grants (tenant, id, user_name, client, identity_provider, scopes, sealed, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (tenant, id) do update set scopes = excluded.scopes, sealed = excluded.sealed,
             expires_at = excluded.expires_at, used_at = now()`,
          [
            tenant,
            facts.id,
            facts.user,
            facts.client,
            facts.identityProvider,
            facts.scopes,
            keys.seal.seal(Buffer.from(JSON.stringify(content), 'utf8'), boundTo(tenant, facts.id)),
            new Date(facts.expiresAtMs),
          ],
        ),
      );
    },
    async contentOf(tenant, id) {
      const { rows } = await postgres.withTenant(tenant, (client) =>
        client.query('select sealed from oauth_grants where id = $1 and ended_at is null and expires_at > now()', [id]),
      );
      if (rows[0] === undefined) return undefined;
      return JSON.parse(keys.seal.open(rows[0].sealed as Buffer, boundTo(tenant, id)).toString('utf8'));
    },
    async alive(tenant, id) {
      const { rows } = await postgres.withTenant(tenant, (client) =>
        client.query(`select ${FACTS} from oauth_grants where id = $1 and ended_at is null and expires_at > now()`, [
          id,
        ]),
      );
      return rows[0] === undefined ? undefined : factsOf(rows[0]);
    },
    async listOf(tenant, user, limit) {
      const { rows } = await postgres.withTenant(tenant, (client) =>
        client.query(
          `select ${FACTS} from oauth_grants where user_name = $1 and ended_at is null and expires_at > now()
            order by id desc limit $2`,
          [user, limit],
        ),
      );
      return rows.map(factsOf);
    },
    async clientsOf(tenant) {
      const { rows } = await postgres.withTenant(tenant, (client) =>
        client.query('select distinct client from oauth_grants where ended_at is null and expires_at > now()'),
      );
      return rows.map((row) => row.client as string);
    },
    end: (tenant, id, end) =>
      postgres.withTenant(tenant, async (client) => {
        const { rowCount } = await client.query(
          'update oauth_grants set ended_at = now(), ended_reason = $2, ended_by = $3 where id = $1 and ended_at is null',
          [id, end.reason, end.by ?? ''],
        );
        if (rowCount === 1) await ended(client, tenant, [id], end);
        return rowCount === 1;
      }),
    endAll: (tenant, of, end) =>
      postgres.withTenant(tenant, async (client) => {
        if (of.user === undefined && of.client === undefined) return 0;
        const { rows } = await client.query(
          `update oauth_grants set ended_at = now(), ended_reason = $3, ended_by = $4
            where ended_at is null
              and id in (select id from oauth_grants where ended_at is null
                and ($1::text is null or user_name = $1) and ($2::text is null or client = $2) limit ${MAX_ENDED})
            returning id`,
          [of.user ?? null, of.client ?? null, end.reason, end.by ?? ''],
        );
        const ids = rows.map(({ id }) => id as string);
        if (ids.length > 0) await ended(client, tenant, ids, end);
        return ids.length;
      }),
  };
}

function factsOf(row: Record<string, unknown>): GrantFacts {
  return {
    id: row.id as string,
    user: row.user_name as string,
    client: row.client as string,
    identityProvider: row.identity_provider as string,
    scopes: row.scopes as string[],
    createdAtMs: Number(row.created_ms),
    usedAtMs: Number(row.used_ms),
    expiresAtMs: Number(row.expires_ms),
  };
}
