import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLogger } from '@sallyport/chassis/log';
import { migrateAll } from '@sallyport/chassis/migrate';
import { type Client, type RpcChannel, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { freePort } from '@sallyport/cli/dev/ports';
import { startPostgres } from '@sallyport/cli/dev/postgres';
import pg from 'pg';
import { stringify } from 'yaml';
import { layDatabase } from './database.ts';

type Service = Parameters<typeof rpcClient>[0];

const ROOT = new URL('../../', import.meta.url).pathname;
const READY_MS = 60_000;
const STOP_MS = 8_000;

/** One running process of the service under test. */
export interface Replica {
  client<S extends Service>(service: S, caller: string): Client<S>;
  /** What the process wrote so far. */
  output(): string;
  /** Ends the process as Kubernetes does; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Ends it as a lost node does: at once, whatever it was doing. */
  kill(): Promise<void>;
  /** A number of its metrics by name; undefined when it says none. */
  metric(name: string): Promise<number | undefined>;
}

/** A service on a Postgres of its own. */
export interface ServiceReplicas {
  /** Starts a process and waits until it is ready; `config` is laid over the common part. */
  replica(config: Record<string, unknown>): Promise<Replica>;
  /** Writes a file below the temporary folder and gives its path. */
  file(name: string, content: string): string;
  /** Runs SQL as the service's own role, in a transaction of this tenant (none: no tenant set). */
  asRole(tenant: string | undefined, sql: string, values?: unknown[]): Promise<pg.QueryResult>;
  /** Ends everything that was started. */
  close(): Promise<void>;
}

/** Content of a key file with one key for each id, newest first; the same id always has the same key. */
export function keyFile(...ids: readonly string[]): string {
  return JSON.stringify(ids.map((id) => ({ id, key: Buffer.alloc(32, id).toString('base64') })));
}

/** Starts Postgres, migrates the schema of a service, and lets a test start replicas of it without TLS. */
export async function serviceReplicas(service: string): Promise<ServiceReplicas> {
  const dir = mkdtempSync(join(tmpdir(), `sallyport-${service}-`));
  const log = createLogger({ service: 'test', level: 'error' });
  await layDatabase(join(dir, 'postgres'));
  const database = await startPostgres({ dataDir: join(dir, 'postgres'), log });
  const password = randomBytes(16).toString('hex');
  const schemas = [{ name: service, dir: join(ROOT, 'services', service, 'src/migrations'), password }];
  await migrateAll({ adminUrl: database.adminUrl, services: schemas });
  const { host, port } = database;
  const user = `sallyport_${service.replaceAll('-', '_')}`;
  const pool = new pg.Pool({ host, port, database: 'sallyport', user, password, max: 2 });
  // A connection that is still closing when the server stops is told so, which is no fault of a test.
  pool.on('error', () => undefined);
  const running: Replica[] = [];
  const channels: RpcChannel[] = [];

  const file = (name: string, content: string) => {
    const path = join(dir, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };

  return {
    file,
    async replica(config) {
      const [grpcPort, adminPort] = [await freePort(), await freePort()];
      const number = running.length + 1;
      const configFile = file(
        `config-${number}.yaml`,
        stringify({
          insecure: true,
          admin: { port: adminPort },
          grpc: { port: grpcPort },
          drain: { delaySeconds: 0, graceSeconds: 2 },
          postgres: { host, port, user, passwordFile: file('password', password) },
          ...config,
        }),
      );
      const child = spawn(process.execPath, [join(ROOT, 'services', service, 'src/main.ts'), '--config', configFile], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
      const output = gather(child);
      const replica: Replica = {
        output,
        client(desc, caller) {
          const channel = rpcChannel({ target: `ipv4:127.0.0.1:${grpcPort}`, tls: undefined, self: caller, log });
          channels.push(channel);
          return rpcClient(desc, channel);
        },
        async stop() {
          child.kill('SIGTERM');
          const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
          const code = await exited;
          clearTimeout(force);
          return code;
        },
        async kill() {
          child.kill('SIGKILL');
          await exited;
        },
        async metric(name) {
          const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
          const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
          return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
        },
      };
      running.push(replica);
      await untilReady(adminPort, child, output);
      return replica;
    },
    async asRole(tenant, sql, values) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        if (tenant !== undefined) await client.query(`select set_config('sallyport.tenant', $1, true)`, [tenant]);
        const result = await client.query(sql, values);
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    async close() {
      for (const channel of channels) channel.close();
      await Promise.all(running.map((replica) => replica.stop()));
      await pool.end();
      await database.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function gather(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk));
  return () => text;
}

async function untilReady(adminPort: number, child: ChildProcess, output: () => string): Promise<void> {
  const until = Date.now() + READY_MS;
  while (Date.now() < until && child.exitCode === null) {
    const ready = await fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await pause(50);
  }
  throw new Error(`The service did not become ready:\n${output()}`);
}
