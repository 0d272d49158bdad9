import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Suite } from '@sallyport/cli/dev/suite';
import pg from 'pg';

/** Pids of the running services by name, all but one. */
export function pidsOf(suite: Suite, but = ''): Record<string, number> {
  const all = JSON.parse(readFileSync(join(suite.data, 'children.json'), 'utf8')) as Record<string, number>;
  return Object.fromEntries(Object.entries(all).filter(([name]) => name !== but));
}

/** Pid of a service; throws when it does not run. */
export function pidOf(suite: Suite, service: string): number {
  const pid = pidsOf(suite)[service];
  if (pid === undefined) throw new Error(`${service} does not run`);
  return pid;
}

/** Stops processes for the time of `work`, as a machine that swaps or a lost network does: they hang, they do not end. */
export async function frozen(processes: readonly number[], work: () => Promise<void>): Promise<void> {
  try {
    for (const pid of processes) process.kill(pid, 'SIGSTOP');
    await work();
  } finally {
    for (const pid of processes) process.kill(pid, 'SIGCONT');
  }
}

/** Stops the server and every connection of the services for the time of `work`. */
export async function postgresFrozen(suite: Suite, work: () => Promise<void>): Promise<void> {
  const processes = await asSuperuser(suite, async (database) => {
    const file = await database.query<{ text: string }>(`select pg_read_file('postmaster.pid') as text`);
    const backends = await database.query<{ pid: number }>(
      `select pid from pg_stat_activity where usename like 'sallyport_%'`,
    );
    return [Number(file.rows[0]?.text.split('\n')[0]), ...backends.rows.map(({ pid }) => pid)];
  });
  await frozen(processes, work);
}

/** Runs `work` on a connection of the database's superuser. */
export async function asSuperuser<T>(suite: Suite, work: (database: pg.Client) => Promise<T>): Promise<T> {
  const database = new pg.Client({ connectionString: suite.postgres.adminUrl });
  await database.connect();
  try {
    return await work(database);
  } finally {
    await database.end();
  }
}
