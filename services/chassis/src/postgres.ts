import pg from 'pg';
import { type PostgresConfig, readSecretFile } from './config.ts';
import { within } from './deadline.ts';
import { GatewayError } from './errors.ts';
import type { Logger } from './log.ts';
import { type Metrics, timing } from './metrics.ts';
import { TenantPipeline } from './postgres-pipeline.ts';
import { postgresTls } from './postgres-tls.ts';
import type { Component } from './process.ts';

/** One row; int8 and numeric arrive as text, timestamptz as Date, bytea as Buffer. */
export type Row = Record<string, unknown>;

/** A connection inside a transaction that is bound to one tenant. One query at a time. */
export interface TenantClient {
  query<R extends Row = Row>(
    sql: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<{ readonly rows: R[]; readonly rowCount: number | null }>;
}

/** How a query is run. */
export interface QueryOptions {
  /** Name under which the statement is kept on each connection: parsed and planned there once. One name, one text. */
  readonly prepared?: string;
}

/** One of several statements that need nothing of each other's answers. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
  readonly options?: QueryOptions;
}

/** How a transaction is run. */
export interface TransactionOptions {
  readonly timeoutMs?: number;
  /** One view of the data for all of its queries, and no writing: what several queries tell then belongs together. */
  readonly snapshot?: boolean;
}

/** The database of one service. */
export interface Postgres extends Component {
  /**
   * Runs `work` in a transaction whose rows are only those of the tenant (row-level security by
   * `current_setting('sallyport.tenant')`); `*` is cross-tenant maintenance. Rolls back when `work` throws. Rejects
   * with `unavailable` when there is no database, `deadline_exceeded` beyond the statement timeout; other errors of
   * the server come as they are, with `code` the SQLSTATE.
   */
  withTenant<T>(tenant: string, work: (client: TenantClient) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * Runs statements in one such transaction and one round trip; answers the rows of each. All of them take effect or, where
   * one fails, none. Rejects as `withTenant` does. A frozen list is taken to be the same each time: prepared, it is encoded once.
   */
  together(tenant: string, statements: readonly Statement[]): Promise<readonly (readonly Row[])[]>;
  /**
   * Runs statements without parameters in such a transaction and answers the rows of the last, in one round trip: for
   * what is asked several times a second. Only numbers may be set into the text. Rejects as `withTenant` does.
   */
  readOnce<R extends Row = Row>(tenant: string, sql: string): Promise<readonly R[]>;
  /** Whether the database answers; for readiness. */
  healthy(): Promise<true | string>;
  /** Whether the schema has at least this migration; for readiness. */
  schemaReady(version: number): Promise<true | string>;
  stop(deadlineMs: number): Promise<void>;
}

const TRANSACTION_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const IDLE_MS = 30_000;
// Connections end now and then, so that a failed-over server or a changed address is found.
const LIFETIME_SECONDS = 600;
const ABANDONED_TRANSACTION_MS = 30_000;
const SERVER_LEAD_MS = 1000;
const NO_ANSWER = 'Query read timeout';

/** Opens a pool lazily: a database that is away at the start delays readiness, not the process. */
export function postgres(
  config: PostgresConfig,
  options: { readonly service: string; readonly log: Logger; readonly metrics?: Metrics },
): Postgres {
  const { log, metrics, service } = options;
  const pool = new pg.Pool({
    host: config.host,
    port: config.port,
    database: config.database,
    user: config.user,
    // Read at each connection, so that a rotated password needs no restart.
    ...(config.passwordFile === undefined ? {} : { password: () => readSecretFile(config.passwordFile as string) }),
    ssl: postgresTls(config.caFile),
    max: config.maxConnections,
    connectionTimeoutMillis: config.connectTimeout,
    idleTimeoutMillis: IDLE_MS,
    maxLifetimeSeconds: LIFETIME_SECONDS,
    statement_timeout: config.statementTimeout,
    lock_timeout: config.lockTimeout,
    // The server stops a statement first; this is for a server that no longer answers at all.
    query_timeout: config.statementTimeout + SERVER_LEAD_MS,
    idle_in_transaction_session_timeout: ABANDONED_TRANSACTION_MS,
    application_name: `sallyport-${service}`,
    // What does not wait for an answer is written at once (`together`); all else waits for each of its answers anyway.
    pipeline: true,
  });
  // Without a listener an error of an idle connection ends the process.
  pool.on('error', (error) => log.warn('an idle database connection was lost', { error }));
  metrics?.gauge('postgres_waiting', 'Requests that wait for a database connection.', [], () => pool.waitingCount);
  const seconds = metrics?.histogram(
    'postgres_transaction_seconds',
    'Time of a database transaction, waiting for a connection included.',
    ['outcome'],
    TRANSACTION_SECONDS,
  );

  const succeeded = seconds && timing(seconds, { outcome: 'ok' });

  const transaction: Postgres['withTenant'] = async (tenant, work, limits = {}) => {
    if (tenant === '') throw new GatewayError('internal', 'A transaction needs a tenant.');
    const client = await pool.connect();
    let lost: Error | undefined;
    const onLost = (error: Error) => {
      lost = error;
    };
    client.on('error', onLost);
    try {
      const timeout =
        limits.timeoutMs === undefined
          ? ''
          : `; SET LOCAL statement_timeout = ${Math.max(1, Math.ceil(limits.timeoutMs))}`;
      // One round trip: SET takes no parameters, hence the literal.
      const begin = limits.snapshot === true ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : 'BEGIN';
      const begun = client.query(`${begin}; SET LOCAL sallyport.tenant = ${client.escapeLiteral(tenant)}${timeout}`);
      // The first query is on its way before the answer: without a transaction it would see no row of any tenant.
      begun.catch(() => undefined);
      const query_timeout = (limits.timeoutMs ?? config.statementTimeout) + SERVER_LEAD_MS;
      const result = await work({
        // The types of pg leave `query_timeout` out, which it reads from each query (lib/client.js).
        query: <R extends Row>(text: string, values: readonly unknown[] = [], { prepared }: QueryOptions = {}) =>
          client.query<R>({ text, values: [...values], query_timeout, name: prepared } as pg.QueryConfig),
      });
      await begun;
      await client.query('COMMIT');
      return result;
    } catch (error) {
      // A connection that still waits for an answer cannot be used again, not even to roll back.
      if (error instanceof Error && error.message === NO_ANSWER) lost = error;
      try {
        if (lost === undefined) await client.query('ROLLBACK');
      } catch (fault) {
        lost = fault as Error;
      }
      throw error;
    } finally {
      client.off('error', onLost);
      client.release(lost);
    }
  };

  const inOneTrip = async (tenant: string, statements: readonly Statement[]): Promise<Row[][]> => {
    if (tenant === '') throw new GatewayError('internal', 'A transaction needs a tenant.');
    const client = await pool.connect();
    let lost: Error | undefined;
    const onLost = (error: Error) => {
      lost = error;
    };
    client.on('error', onLost);
    try {
      return await new Promise<Row[][]>((resolve, reject) => {
        const done = (error: Error | null, rows: Row[][] = []) => (error === null ? resolve(rows) : reject(error));
        client.query(new TenantPipeline(tenant, statements, done) as unknown as pg.Submittable);
      });
    } catch (error) {
      // Whether it is still in a transaction, or waits for an answer, is not worth finding out.
      lost = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      client.off('error', onLost);
      client.release(lost);
    }
  };

  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    let outcome = 'ok';
    try {
      return await work();
    } catch (error) {
      const mapped = databaseError(error);
      outcome = mapped instanceof GatewayError ? mapped.code : 'error';
      throw mapped;
    } finally {
      const took = (performance.now() - startedAt) / 1000;
      if (outcome === 'ok') succeeded?.observe(took);
      else seconds?.observe({ outcome }, took);
    }
  };

  let knownVersion = 0;
  return {
    name: 'postgres',
    withTenant: (tenant, work, limits) => timed(() => transaction(tenant, work, limits)),
    together: (tenant, statements) => timed(() => inOneTrip(tenant, statements)),
    async readOnce<R extends Row>(tenant: string, sql: string) {
      if (tenant === '') throw new GatewayError('internal', 'A transaction needs a tenant.');
      try {
        const setting = pg.escapeLiteral(tenant);
        // Several statements in one text are one transaction, which ends with the text.
        const answer: unknown = await pool.query(`SET LOCAL sallyport.tenant = ${setting}; ${sql}`);
        return (answer as pg.QueryResult<R>[]).at(-1)?.rows ?? [];
      } catch (error) {
        throw databaseError(error);
      }
    },
    async healthy() {
      try {
        await pool.query('SELECT 1');
        return true;
      } catch {
        return 'the database does not answer';
      }
    },
    async schemaReady(version) {
      if (knownVersion < version) {
        try {
          const { rows } = await pool.query('SELECT max(version) AS version FROM schema_migrations');
          knownVersion = Number(rows[0]?.version ?? 0);
        } catch (error) {
          // 42P01: no such table, hence no migration has run yet.
          return (error as { code?: unknown }).code === '42P01'
            ? 'the schema has not been made yet'
            : 'the database does not answer';
        }
        if (knownVersion < version) return `the schema is at version ${knownVersion}, ${version} is needed`;
        return true;
      }
      try {
        await pool.query('SELECT 1');
        return true;
      } catch {
        return 'the database does not answer';
      }
    },
    async stop(deadlineMs) {
      await within(pool.end(), Math.max(100, deadlineMs - Date.now()), 'closing the database pool');
    },
  };
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
]);

/** Tells "there is no database" and "it took too long" from what a store must look at itself. */
export function databaseError(caught: unknown): unknown {
  if (caught instanceof GatewayError || !(caught instanceof Error)) return caught;
  const code = 'code' in caught && typeof caught.code === 'string' ? caught.code : '';
  if (code === '57014' || code === '55P03' || caught.message === NO_ANSWER) {
    return new GatewayError('deadline_exceeded', 'The database took too long.', { cause: caught });
  }
  // A text with U+0000, which Postgres keeps in no text: somebody sent it, and nothing is wrong here.
  if (code === '22021' || code === '22P05') {
    return new GatewayError('invalid_request', 'A text holds a character that cannot be kept.', { cause: caught });
  }
  // 08: connection, 57P: shutdown, 53: out of resources, 28: not let in (yet), 3D: no database (yet).
  const away =
    UNREACHABLE.has(code) ||
    /^(08|57P|53|28|3D)/.test(code) ||
    /^(timeout exceeded when trying to connect|Connection terminated)/.test(caught.message);
  return away ? new GatewayError('unavailable', 'The database cannot be reached.', { cause: caught }) : caught;
}
