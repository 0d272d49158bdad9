import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { blocks } from '@sallyport/chassis/config';
import { createLogger } from '@sallyport/chassis/log';
import { migrateAll } from '@sallyport/chassis/migrate';
import { type Postgres, postgres } from '@sallyport/chassis/postgres';
import { startPostgres } from '@sallyport/cli/dev/postgres';
import { migrationsOf } from '@sallyport/cli/dev/repository';
import {
  createSubscriptionStore,
  MOST,
  type SubscriptionStore,
} from '../../services/mcp-broker/src/offerings/subscription-store.ts';
import { layDatabase } from '../support/database.ts';

const dir = mkdtempSync(join(tmpdir(), 'sallyport-subscriptions-'));
const log = createLogger({ service: 'test', level: 'error' });
let server: Awaited<ReturnType<typeof startPostgres>>;
let database: Postgres;
let store: SubscriptionStore;

beforeAll(async () => {
  await layDatabase(join(dir, 'postgres'));
  server = await startPostgres({ dataDir: join(dir, 'postgres'), log });
  const [name, password] = ['mcp-broker', 'of-the-test-alone'];
  await migrateAll({ adminUrl: server.adminUrl, services: [{ name, dir: migrationsOf(name), password }] });
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, password);
  const { host, port } = server;
  const at = blocks.postgres.parse({ host, port, user: 'sallyport_mcp_broker', passwordFile });
  database = postgres(at, { service: name, log });
  store = createSubscriptionStore(database);
}, 120_000);
afterAll(async () => {
  await database?.stop(Date.now() + 1_000);
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => database.withTenant('*', (client) => client.query('delete from resource_subscriptions')));

const of = (session: string, principalId = 'key:alice', tenant = 'acme') => ({ tenant, principalId, session });

/** Subscribes sessions of a principal to as much as one session may be, so long ago. */
async function fill(principalId: string, sessions: readonly string[], ago: string): Promise<void> {
  await database.withTenant('acme', async (client) => {
    for (const session of sessions) {
      await client.query(
        `insert into resource_subscriptions (tenant, session, principal_id, uri, expires_at)
           select 'acme', $1, $2, 'x+file:///' || n, now() + interval '24 hours' - $3::interval
           from generate_series(1, ${MOST.session}) as n`,
        [session, principalId, ago],
      );
    }
  });
}
const uris = async (session: string) => (await store.of('acme', [session])).get(session)?.length ?? 0;

describe('subscriptions of sessions', () => {
  it('[offering:subscriptions-kept] are of their tenant, each once, and bounded by session', async () => {
    expect(await store.add(of('s'), 'x+file:///a')).toBe(true);
    expect(await store.add(of('s'), 'x+file:///a')).toBe(true);
    expect(await store.of('acme', ['s', 't'])).toEqual(new Map([['s', ['x+file:///a']]]));
    expect(await store.of('rival', ['s'])).toEqual(new Map());
    await store.end(of('s', 'key:alice', 'rival'));
    await store.remove(of('s'), 'x+file:///b');
    expect(await uris('s')).toBe(1);
    await store.remove(of('s'), 'x+file:///a');
    expect(await uris('s')).toBe(0);
    await fill('key:alice', ['full'], '0');
    expect(await store.add(of('full'), 'x+file:///more')).toBe(false);
    expect(await store.add(of('full'), 'x+file:///1')).toBe(true);
    await store.end(of('full'));
    expect(await uris('full')).toBe(0);
    await fill('key:alice', ['over'], '25 hours');
    expect(await store.sweep(Date.now())).toBe(MOST.session);
  });

  it('[offering:subscriptions-leased] make room when nobody listens for them any more, and not before', async () => {
    const names = (whose: string, count: number) => Array.from({ length: count }, (_, at) => `${whose}-${at}`);
    const own = names('alice', MOST.principal / MOST.session);
    await fill('key:alice', own, '14 minutes');
    expect(await store.add(of('new'), 'x+file:///a')).toBe(false);
    expect(await store.add(of('other', 'key:bob'), 'x+file:///a')).toBe(true);
    // One of them goes on listening; what the others left is room for it and for new ones.
    await database.withTenant('acme', (client) =>
      client.query(
        "update resource_subscriptions set expires_at = expires_at - interval '1 hour' where session <> 'alice-0'",
      ),
    );
    expect(await uris('alice-0')).toBe(MOST.session);
    expect(await store.add(of('new'), 'x+file:///a')).toBe(true);
    expect(await Promise.all([...own, 'other', 'new'].map(uris))).toEqual([MOST.session, 0, 0, 0, 1, 1]);
    await database.withTenant('acme', async (client) => {
      const sql =
        "select count(*)::int as n from resource_subscriptions where expires_at < now() + interval '23:59:00'";
      expect((await client.query(sql)).rows).toEqual([{ n: 0 }]);
    });
    // Of a tenant that is full, what nobody listens for gives way whosever it was.
    for (const one of names('p', MOST.tenant / MOST.principal)) await fill(one, names(one, 4), '2 hours');
    expect(await store.add(of('newer', 'key:bob'), 'x+file:///a')).toBe(true);
    expect(await uris('alice-0')).toBe(MOST.session);
  });
});
