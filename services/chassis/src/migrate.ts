import pg from 'pg';
import { sleep } from './deadline.ts';
import type { Logger } from './log.ts';
import { type Migration, pendingMigrations, readMigrations } from './migration-files.ts';
import { postgresTls } from './postgres-tls.ts';
import { scramVerifier } from './scram.ts';

/** A service with a schema of its own. */
export interface MigratedService {
  readonly name: string;
  /** Folder of its `NNNN_name.sql` files. */
  readonly dir: string;
  /** Password of its login role. */
  readonly password: string;
}

/** Where and what to migrate. */
export interface MigrateOptions {
  /** `postgresql://user:password@host:port/database` of a role that may create roles and schemas. */
  readonly adminUrl: string;
  readonly caFile?: string;
  readonly services: readonly MigratedService[];
  readonly log?: Logger;
  /** How long to wait for the database to come up; default 60 s. */
  readonly waitMs?: number;
}

// One number for the whole suite ("sallyport" in ASCII, cut to 63 bits): two runs never mix.
const LOCK = '8313173836265516655';
const RETRY_MS = 500;
const LOCK_WAIT_MS = 300_000;

/**
 * Brings every service's schema up to date, one after the other under one advisory lock, each migration in its own
 * transaction. Schema and login role are both called `sallyport_<service>` (dashes as underscores). The role owns
 * nothing and may only read and write rows.
 *
 * Every table holds `tenant` and ends, in its migration, with
 *
 *     alter table T enable row level security;
 *     alter table T force row level security;
 *     create policy tenant_only on T
 *       using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
 *
 * Throws, with that service's schema as it was before the failing step, when a table lacks this.
 */
export async function migrateAll(options: MigrateOptions): Promise<void> {
  const client = await connected(options);
  try {
    await client.query(`SET lock_timeout = ${LOCK_WAIT_MS}; SELECT pg_advisory_lock(${LOCK})`);
    for (const service of options.services) {
      const files = readMigrations(service.dir);
      await prepare(client, service);
      const count = await apply(client, schemaOf(service.name), files);
      options.log?.info('schema is up to date', { service: service.name, version: files.length, applied: count });
    }
  } finally {
    // Ends the session and with it the lock.
    await client.end();
  }
}

/** Name of the schema and the login role of a service. */
export function schemaOf(service: string): string {
  if (!/^[a-z][a-z0-9-]*$/.test(service)) throw new Error(`${service} is no service name`);
  return `sallyport_${service.replaceAll('-', '_')}`;
}

async function connected(options: MigrateOptions): Promise<pg.Client> {
  const giveUpMs = Date.now() + (options.waitMs ?? 60_000);
  for (;;) {
    const client = new pg.Client({
      connectionString: options.adminUrl,
      ssl: postgresTls(options.caFile),
      application_name: 'sallyport-migrate',
      connectionTimeoutMillis: 5000,
    });
    client.on('error', (error) => options.log?.warn('the database connection was lost', { error }));
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      // 28: wrong user or password, which waiting does not mend.
      if (Date.now() > giveUpMs || String((error as { code?: unknown }).code).startsWith('28')) throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** Makes role, schema, rights and the table of what ran; all of it may be there already. */
async function prepare(client: pg.Client, service: MigratedService): Promise<void> {
  const name = schemaOf(service.name);
  const secret = client.escapeLiteral(scramVerifier(service.password));
  await inTransaction(client, async () => {
    const found = await client.query('SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1', [name]);
    const role = found.rows[0] as { rolsuper: boolean; rolbypassrls: boolean } | undefined;
    if (role?.rolsuper || role?.rolbypassrls) throw new Error(`${name} may pass row-level security by; it must not`);
    await client.query(`${role === undefined ? 'CREATE' : 'ALTER'} ROLE ${name} LOGIN PASSWORD ${secret}`);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${name}`);
    await client.query(`ALTER ROLE ${name} SET search_path = ${name}`);
    const owned = await client.query(
      `SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = $1 LIMIT 1`,
      [name],
    );
    if (owned.rows.length > 0) throw new Error(`${name} owns ${owned.rows[0].relname}; a service's role owns nothing`);
    await client.query(`
      REVOKE ALL ON SCHEMA ${name} FROM PUBLIC;
      GRANT USAGE ON SCHEMA ${name} TO ${name};
      ALTER DEFAULT PRIVILEGES IN SCHEMA ${name} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${name};
      ALTER DEFAULT PRIVILEGES IN SCHEMA ${name} GRANT USAGE, SELECT ON SEQUENCES TO ${name};
      CREATE TABLE IF NOT EXISTS ${name}.schema_migrations (
        version integer PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
      );
      REVOKE ALL ON ${name}.schema_migrations FROM ${name};
      GRANT SELECT ON ${name}.schema_migrations TO ${name};`);
  });
}

async function apply(client: pg.Client, schema: string, files: readonly Migration[]): Promise<number> {
  const { rows } = await client.query(`SELECT version, checksum FROM ${schema}.schema_migrations`);
  const pending = pendingMigrations(files, rows);
  for (const migration of pending) {
    await inTransaction(client, async () => {
      // Rows that a migration writes itself belong to no one tenant, and a forced policy holds for owners too.
      await client.query(`SET LOCAL search_path = ${schema}; SET LOCAL sallyport.tenant = '*'`);
      try {
        await client.query(migration.sql);
      } catch (error) {
        throw new Error(`${schema}: ${migration.name}: ${(error as Error).message}`, { cause: error });
      }
      const open = await client.query(
        `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname <> 'schema_migrations' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`,
        [schema],
      );
      if (open.rows.length > 0) {
        const tables = open.rows.map(({ relname }) => relname).join(', ');
        throw new Error(`${schema}: ${migration.name}: no forced row-level security on ${tables}`);
      }
      await client.query(`INSERT INTO ${schema}.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)`, [
        migration.version,
        migration.name,
        migration.checksum,
      ]);
    });
  }
  return pending.length;
}

async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
