import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { postgres } from '@sallyport/chassis/postgres';
import { startPostgres } from '@sallyport/cli/dev/postgres';
import { ordinaryAccount } from '@sallyport/cli/dev/postgres-user';
import { isAlive } from '@sallyport/cli/dev/processes';
import pg from 'pg';

const log = createLogger({ service: 'test', write: () => undefined });
const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-postgres-test-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

async function query(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

describe('the local Postgres', () => {
  it('keeps its data between starts, survives a killed launcher, and listens on loopback alone', async () => {
    const first = await startPostgres({ dataDir, log });
    await query(first.adminUrl, 'create table kept (n int); insert into kept values (42)');
    const { rows } = await query(first.adminUrl, 'show listen_addresses');
    expect(rows[0]).toEqual({ listen_addresses: '127.0.0.1' });
    expect((await query(first.adminUrl, 'show unix_socket_directories')).rows[0]?.unix_socket_directories).toBe('');
    expect(statSync(join(dataDir, 'password')).mode & 0o077).toBe(0);

    // Nobody stopped the first: what a launcher leaves behind that was killed outright.
    const second = await startPostgres({ dataDir, log });
    expect(isAlive(first.pid)).toBe(false);
    expect((await query(second.adminUrl, 'select n from kept')).rows).toEqual([{ n: 42 }]);
    process.kill(second.pid, 'SIGKILL');

    const third = await startPostgres({ dataDir, log });
    expect((await query(third.adminUrl, 'select n from kept')).rows).toEqual([{ n: 42 }]);
    await third.stop();
    await third.stop();
    expect(isAlive(third.pid)).toBe(false);
  }, 120_000);

  it('is not led astray by a postmaster.pid that names a process of somebody else', async () => {
    const file = join(dataDir, 'cluster', 'postmaster.pid');
    if (!existsSync(join(dataDir, 'cluster'))) return;
    writeFileSync(file, `${process.pid}\n${dataDir}\n`);
    const started = await startPostgres({ dataDir, log });
    await started.stop();
    expect(isAlive(process.pid)).toBe(true);
  }, 60_000);

  it('refuses a wrong password', async () => {
    const started = await startPostgres({ dataDir, log });
    const wrong = started.adminUrl.replace(/:[^:@]+@/, ':wrong@');
    await expect(query(wrong, 'select 1')).rejects.toThrow('password authentication failed');
    await started.stop();
  }, 60_000);
});

describe('statements that are sent together', () => {
  it('[chassis:together] are one transaction of one tenant, whatever was prepared before and whichever of them fails', async () => {
    const started = await startPostgres({ dataDir, log });
    const url = new URL(started.adminUrl);
    const user = 'together';
    await query(
      started.adminUrl,
      `create role ${user} login password 'p'; create table things (tenant text, id text primary key, n int, at timestamptz);
       grant all on things to ${user}; alter table things enable row level security;
       create policy own on things using (tenant = current_setting('sallyport.tenant', true))`,
    );
    const passwordFile = join(dataDir, 'together-password');
    writeFileSync(passwordFile, 'p');
    const { hostname: host, port } = url;
    const database = postgres(
      {
        host,
        port: Number(port),
        database: url.pathname.slice(1),
        user,
        passwordFile,
        maxConnections: 1,
        connectTimeout: 5_000,
        statementTimeout: 5_000,
        lockTimeout: 5_000,
      },
      { service: 'test', log },
    );
    const add = (tenant: string, id: string, n: number | null) => ({
      sql: 'insert into things values ($1, $2, $3, now())',
      values: [tenant, id, n],
      options: { prepared: 'add' },
    });
    const all = { sql: 'select id, n, at from things order by id', values: [], options: { prepared: 'all' } };
    try {
      expect(await database.together('a', [add('a', 'one', 1), add('a', 'two', null), all])).toEqual([
        [],
        [],
        [
          { id: 'one', n: 1, at: expect.any(Date) },
          { id: 'two', n: null, at: expect.any(Date) },
        ],
      ]);
      // Prepared by now, on the same connection, in either way of asking.
      expect((await database.together('a', [all, all])).map((rows) => rows.length)).toEqual([2, 2]);
      const found = await database.withTenant('a', (client) => client.query(all.sql, [], all.options));
      expect(found.rows).toHaveLength(2);
      expect(await database.together('b', [all])).toEqual([[]]);
      // The tenant ends with the transaction.
      expect(await database.readOnce('b', 'select id from things')).toEqual([]);

      await expect(database.together('a', [add('a', 'three', 3), add('b', 'four', 4)])).rejects.toThrow('row-level');
      await expect(database.together('a', [add('a', 'five', 5), add('a', 'one', 1)])).rejects.toThrow('duplicate key');
      const other = { ...all, sql: 'select 1 as other' };
      // Encoded once, and for each tenant all the same.
      const same = Object.freeze([{ ...all, options: { prepared: 'all again' } }]);
      for (const [tenant, rows] of [...Object.entries({ a: 2, b: 0 }), ...Object.entries({ b: 0, a: 2 })]) {
        expect((await database.together(tenant, same))[0]).toHaveLength(rows);
        expect((await database.together(tenant, same))[0]).toHaveLength(rows);
      }
      await expect(database.together('a', [add('a', 'six', 6), all, other])).rejects.toThrow('Two statements');
      expect((await database.together('a', [all]))[0]?.map((row) => row.id)).toEqual(['one', 'two']);
    } finally {
      await database.stop(Date.now() + 5_000);
      await started.stop();
    }
  }, 60_000);
});

describe('ordinaryAccount', () => {
  it.each([
    ['root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\nme:x:1000:1001::/:/bin/sh', { uid: 1000, gid: 1001 }],
    ['root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh', { uid: 65534, gid: 65534 }],
    ['# macOS\nnobody:*:-2:-2::/:/bin/false\nroot:*:0:0::/:/bin/sh\ndaemon:*:1:1::/:/x', { uid: 1, gid: 1 }],
  ])('takes an account that is not root', (passwd, account) => {
    expect(ordinaryAccount(passwd)).toEqual(account);
  });
});
