import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { freePort } from '@sallyport/cli/dev/ports';
import { RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { CredentialService, SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import { keyFile, type Replica, type ServiceReplicas, serviceReplicas } from '../support/service-replicas.ts';

const timeoutMs = 5000;
const CANARY = 'sk-canary-0123456789abcdef';
const ref = { name: 'openai', key: 'apiKey' };
const use = { ref, kind: 'ModelProvider', uid: 'u1', origin: 'https://api.openai.com' };

describe('vault on Postgres', () => {
  let suite: ServiceReplicas;
  let one: Replica;
  let two: Replica;
  let operator: Client<typeof SecretService>;
  let proxy: Client<typeof CredentialService>;

  beforeAll(async () => {
    suite = await serviceReplicas('vault');
    const config = {
      masterKeysFile: suite.file('masters.json', keyFile('m1')),
      peers: { audit: 'ipv4:127.0.0.1:9' },
      leaseCountInterval: '200ms',
      upkeepInterval: '300ms',
    };
    [one, two] = await Promise.all([suite.replica(config), suite.replica(config)]);
    operator = one.client(SecretService, 'operator');
    proxy = two.client(CredentialService, 'model-proxy');
    await operator.put({ tenant: 'acme', ref, value: CANARY, version: 'v1' }, { timeoutMs });
    await operator.grant({ tenant: 'acme', ...use, name: 'openai' }, { timeoutMs });
  }, 90_000);
  afterAll(() => suite?.close(), 30_000);

  it('leases on another replica what was put in here, and counts it', async () => {
    const lease = await proxy.resolve({ tenant: 'acme', ...use }, { timeoutMs });
    expect(lease).toMatchObject({ value: CANARY, reference: 'openai/apiKey#1' });
    expect(lease.leaseTtlMs).toBeLessThanOrEqual(10_000);
    const until = Date.now() + 5000;
    let leases = 0;
    while (leases === 0 && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      leases = Number((await suite.asRole('acme', 'select leases from grants')).rows[0]?.leases);
    }
    expect(leases).toBe(1);
  });

  it('[vault:invalidation-1s] tells every replica within a second when a grant moves to another origin', async () => {
    const stop = new AbortController();
    const stream = proxy.watchInvalidations({}, { timeoutMs: 20_000, signal: stop.signal })[Symbol.asyncIterator]();
    await stream.next();
    const startedAt = performance.now();
    const moved = { tenant: 'acme', ...use, origin: 'https://eu.openai.example' };
    await operator.grant({ ...moved, name: 'openai' }, { timeoutMs });
    let told = await stream.next();
    while (told.done !== true && told.value.ref === undefined) told = await stream.next();
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(told.value).toMatchObject({ tenant: 'acme', ref });
    stop.abort();
    await stream.next().catch(() => undefined);
    const before = proxy.resolve({ tenant: 'acme', ...use }, { timeoutMs });
    await expect(before).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(proxy.resolve(moved, { timeoutMs })).resolves.toMatchObject({ value: CANARY });
    await operator.grant({ tenant: 'acme', ...use, name: 'openai' }, { timeoutMs });
  });

  it('[vault:tenant] gives nothing of one tenant to another, at the API and in the database', async () => {
    const foreign = proxy.resolve({ tenant: 'globex', ...use }, { timeoutMs });
    await expect(foreign).rejects.toMatchObject({ code: 'permission_denied' });
    for (const table of ['data_keys', 'secrets', 'grants', 'invalidations']) {
      expect((await suite.asRole(undefined, `select tenant from ${table}`)).rows).toEqual([]);
      expect((await suite.asRole('globex', `select tenant from ${table}`)).rows).toEqual([]);
    }
  });

  it('[vault:sealed] keeps the value only sealed, and writes it to no log', async () => {
    for (const table of ['data_keys', 'secrets', 'grants', 'invalidations']) {
      const { rows } = await suite.asRole('*', `select t::text as row from ${table} t`);
      expect(rows.length).toBeGreaterThan(0);
      for (const { row } of rows) {
        expect(row).not.toContain(CANARY);
        expect(row).not.toContain(Buffer.from(CANARY, 'utf8').toString('hex'));
      }
    }
    expect(one.output() + two.output()).not.toContain(CANARY);
    expect(two.output()).toContain('openai/apiKey#1');
  });

  it('[vault:ungranted] deletes a value that nothing may lease any more, and no other', async () => {
    const gone = { name: 'gone', key: 'k' };
    await operator.put({ tenant: 'hooli', ref: gone, value: CANARY, version: 'v1' }, { timeoutMs });
    await operator.put({ tenant: 'hooli', ref, value: CANARY, version: 'v1' }, { timeoutMs });
    const held = { tenant: 'hooli', kind: 'ModelProvider', uid: 'u9', name: 'openai' };
    await operator.grant({ ...held, ref, origin: use.origin }, { timeoutMs });
    const { grants } = await operator.listGrants({}, { timeoutMs });
    expect(grants).toContainEqual(expect.objectContaining(held));
    const names = async () =>
      (await suite.asRole('hooli', 'select name from secrets order by name')).rows.map((row) => row.name);
    expect(await names()).toEqual(['gone', 'openai']);
    await suite.asRole('hooli', "update secrets set updated_at = now() - interval '1 hour'");
    const until = Date.now() + 5000;
    while ((await names()).length > 1 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await names()).toEqual(['openai']);
  });

  it('[vault:forgotten] deletes what people brought for a resource that is gone, after a while and with a record, and nothing else', async () => {
    const uids = ['u-gone', 'u-back', 'u-here', 'u-gone/sign-in'];
    const grant = (uid: string) =>
      operator.grant(
        { tenant: 'hooli', kind: 'ToolServer', uid, name: `name-of-${uid}`, origin: use.origin, ref },
        { timeoutMs },
      );
    await grant('u-here');
    for (const uid of uids) {
      const of = `'hooli', '${uid}'`;
      const sealed = `(select id from data_keys limit 1), 'sealed'`;
      for (const sql of [
        `insert into oauth_grants (tenant, uid, user_name, resource_name, origin, issuer, scopes, data_key_id, sealed)
         values (${of}, 'dana', 'name-of-${uid}', 'o', 'i', '{}', ${sealed})`,
        `insert into oauth_clients (tenant, uid, issuer, redirect_uri, data_key_id, sealed) values (${of}, 'i', 'r', ${sealed})`,
        `insert into owned_credentials (tenant, uid, kind, owner_kind, owner, resource_name, origin, data_key_id, sealed, changed_by)
         values (${of}, 'ToolServer', 'user', 'dana', 'name-of-${uid}', 'o', ${sealed}, 'user:dana')`,
      ]) {
        await suite.asRole('hooli', sql);
      }
    }
    const tables = ['oauth_grants', 'oauth_clients', 'owned_credentials'];
    const held = async (where: string) => {
      const found = await Promise.all(
        tables.map((table) => suite.asRole('hooli', `select uid from ${table} where ${where} order by uid`)),
      );
      return found.map(({ rows }) => rows.map((row) => row.uid).join());
    };
    const until = async (where: string, wanted: string) => {
      const end = Date.now() + 5_000;
      while ((await held(where)).some((one) => one !== wanted) && Date.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await held(where)).toEqual(tables.map(() => wanted));
    };
    await until('ungranted_at is not null', 'u-back,u-gone,u-gone/sign-in');
    await grant('u-back');
    await until('ungranted_at is not null', 'u-gone,u-gone/sign-in');
    // However old what was brought is: the time counts from when its resource went.
    for (const table of tables) {
      const column = { oauth_grants: 'connected_at', oauth_clients: 'registered_at' }[table] ?? 'changed_at';
      await suite.asRole('hooli', `update ${table} set ${column} = now() - interval '90 days'`);
      await suite.asRole(
        'hooli',
        `update ${table} set ungranted_at = ungranted_at - interval '31 days' where uid = 'u-gone'`,
      );
    }
    await until('true', 'u-back,u-gone/sign-in,u-here');
    const { rows } = await suite.asRole('hooli', "select encode(record, 'escape') as record from record_outbox");
    const told = rows.map((row) => String(row.record)).filter((record) => record.includes('resource_gone'));
    expect(told).toHaveLength(2);
    expect(told.filter((one) => one.includes('"grants.forget"') && one.includes('name-of-u-gone'))).toHaveLength(1);
    expect(told.filter((one) => one.includes('"credentials.forget"') && one.includes('dana'))).toHaveLength(1);
  });

  it('[vault:callers] takes values from operator only and gives them to the two proxies only', async () => {
    const denied = { code: 'permission_denied' };
    const console = one.client(SecretService, 'console');
    await expect(console.put({ tenant: 'acme', ref, value: 'x' }, { timeoutMs })).rejects.toMatchObject(denied);
    for (const caller of ['console', 'policy', 'operator', 'mcp-broker']) {
      const client = one.client(CredentialService, caller);
      await expect(client.resolve({ tenant: 'acme', ...use }, { timeoutMs })).rejects.toMatchObject(denied);
    }
  });

  it('makes one data key a tenant, also when first values come at once on both replicas', async () => {
    const other = two.client(SecretService, 'operator');
    await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        (n % 2 ? operator : other).put(
          { tenant: 'initech', ref: { name: `s${n}`, key: 'k' }, value: `v${n}`, version: '1' },
          { timeoutMs },
        ),
      ),
    );
    expect((await suite.asRole('initech', 'select id from data_keys')).rows).toHaveLength(1);
  });

  it('sends what the others wrote down to audit once one of its replicas reaches it', async () => {
    const port = await freePort();
    const log = createLogger({ service: 'test', level: 'error' });
    const callers = { 'sallyport.audit.v1.RecordService': ['vault'] };
    const taken: string[] = [];
    const audit = rpcServer({ listen: { host: '127.0.0.1', port }, tls: undefined, log, callers }).add(RecordService, {
      async commit({ records }) {
        taken.push(...records.map((record) => Buffer.from(record).toString('latin1')));
        return {};
      },
      async *append() {},
    });
    const count = async () => Number((await suite.asRole('*', 'select count(*) from record_outbox')).rows[0]?.count);
    await audit.start();
    try {
      const wait = await count();
      expect(wait).toBeGreaterThan(0);
      await suite.replica({
        masterKeysFile: suite.file('masters.json', keyFile('m1')),
        peers: { audit: `ipv4:127.0.0.1:${port}` },
      });
      const until = Date.now() + 5_000;
      while ((await count()) > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await count()).toBe(0);
      expect(taken.length).toBeGreaterThanOrEqual(wait);
      expect(taken.join('')).not.toContain(CANARY);
    } finally {
      await audit.stop(Date.now());
    }
  }, 30_000);
});
