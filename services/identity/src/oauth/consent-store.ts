import type { Postgres } from '@sallyport/chassis/postgres';

/** What somebody said yes to. */
export interface Consent {
  readonly user: string;
  readonly client: string;
  readonly resource: string;
}

/** What people have said yes to before. */
export interface ConsentStore {
  /** Whether a person has said yes to all of these scopes. */
  covers(tenant: string, consent: Consent, scopes: readonly string[]): Promise<boolean>;
  remember(tenant: string, consent: Consent, scopes: readonly string[]): Promise<void>;
  /** All that a person said yes to. */
  listOf(tenant: string, user: string): Promise<{ client: string; scopes: string[]; atMs: number }[]>;
  /** Forgets what a person said of a client, so that they are asked again. */
  forget(tenant: string, user: string, client: string): Promise<void>;
}

/** Keeps consents in Postgres. */
export function createConsentStore(postgres: Postgres): ConsentStore {
  return {
    async covers(tenant, { user, client, resource }, scopes) {
      const { rows } = await postgres.withTenant(tenant, (connection) =>
        connection.query('select scopes from oauth_consents where user_name = $1 and client = $2 and resource = $3', [
          user,
          client,
          resource,
        ]),
      );
      const held = rows[0]?.scopes as string[] | undefined;
      return held !== undefined && scopes.every((scope) => held.includes(scope));
    },
    async remember(tenant, { user, client, resource }, scopes) {
      await postgres.withTenant(tenant, (connection) =>
        connection.query(
          `insert into oauth_consents (tenant, user_name, client, resource, scopes) values ($1, $2, $3, $4, $5)
           on conflict (tenant, user_name, client, resource) do update set at = now(),
             scopes = array(select distinct unnest(oauth_consents.scopes || excluded.scopes) order by 1)`,
          [tenant, user, client, resource, scopes],
        ),
      );
    },
    async listOf(tenant, user) {
      const { rows } = await postgres.withTenant(tenant, (connection) =>
        connection.query(
          `select client, scopes, floor(extract(epoch from at) * 1000)::float8 as at_ms from oauth_consents
            where user_name = $1 order by client limit 500`,
          [user],
        ),
      );
      return rows.map((row) => ({
        client: row.client as string,
        scopes: row.scopes as string[],
        atMs: row.at_ms as number,
      }));
    },
    async forget(tenant, user, client) {
      await postgres.withTenant(tenant, (connection) =>
        connection.query('delete from oauth_consents where user_name = $1 and client = $2', [user, client]),
      );
    },
  };
}
