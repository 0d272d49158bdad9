import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '@sallyport/chassis/rpc/client';
import { AuthenticationService, KeyService } from '@sallyport/proto/identity/v1/identity_pb';
import { keyFile, type Replica, type ServiceReplicas, serviceReplicas } from '../support/service-replicas.ts';

const timeoutMs = 5000;
const refused = { code: 'unauthenticated', message: 'The credential is not valid.' };

describe('identity on Postgres', () => {
  let suite: ServiceReplicas;
  let one: Replica;
  let two: Replica;
  let keys: Client<typeof KeyService>;
  let operator: Client<typeof KeyService>;
  let here: Client<typeof AuthenticationService>;
  let there: Client<typeof AuthenticationService>;

  beforeAll(async () => {
    suite = await serviceReplicas('identity');
    const config = { pepperFile: suite.file('peppers.json', keyFile('p1')), lastUseInterval: '200ms' };
    [one, two] = await Promise.all([suite.replica(config), suite.replica(config)]);
    keys = one.client(KeyService, 'console');
    operator = one.client(KeyService, 'operator');
    here = one.client(AuthenticationService, 'model-proxy');
    there = two.client(AuthenticationService, 'model-proxy');
  }, 90_000);
  afterAll(() => suite?.close(), 30_000);

  const made = async (tenant: string, name: string) => {
    const { key, secret } = await keys.create({ tenant, spec: { name } }, { timeoutMs });
    return { id: key?.id ?? '', secret };
  };
  const authenticated = (secret: string, from = here) => from.authenticate({ secret, endpoint: 'mcp' }, { timeoutMs });

  it('[identity:revocation-1s] ends a key on every replica within a second', async () => {
    const { id, secret } = await made('acme', 'revoked');
    await authenticated(secret, there);
    const stop = new AbortController();
    const stream = there.watchRevocations({}, { timeoutMs: 20_000, signal: stop.signal })[Symbol.asyncIterator]();
    const { value: baseline } = await stream.next();
    const startedAt = performance.now();
    await keys.revoke({ tenant: 'acme', id, reason: 'leaked' }, { timeoutMs });
    let told = await stream.next();
    while (told.done !== true && told.value.keyId === '') told = await stream.next();
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(told.value).toMatchObject({ tenant: 'acme', keyId: id, sequence: (baseline?.sequence ?? 0) + 1 });
    stop.abort();
    await expect(stream.next()).rejects.toMatchObject({ code: 'cancelled' });
    await expect(authenticated(secret, there)).rejects.toMatchObject(refused);
  });

  it('[identity:sequence] gives notices of concurrent changes one order without gaps on both replicas', async () => {
    const stop = new AbortController();
    const streams = [here, there].map((from) =>
      from.watchRevocations({}, { timeoutMs: 20_000, signal: stop.signal })[Symbol.asyncIterator](),
    );
    const baselines = await Promise.all(streams.map((stream) => stream.next()));
    const other = two.client(KeyService, 'console');
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => made(n % 2 ? 'acme' : 'globex', `many-${n}`)));
    await Promise.all(
      all.map(({ id }, n) =>
        (n % 3 ? keys : other).revoke({ tenant: n % 2 ? 'acme' : 'globex', id, reason: '' }, { timeoutMs }),
      ),
    );
    for (const [index, stream] of streams.entries()) {
      const first = (baselines[index]?.value?.sequence ?? 0) + 1;
      const seen: number[] = [];
      while (seen.length < 20) {
        const { value } = await stream.next();
        if (value !== undefined && value.keyId !== '') seen.push(value.sequence);
      }
      expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => first + n));
    }
    stop.abort();
    for (const stream of streams) await stream.next().catch(() => undefined);
  });

  it('[identity:tenant-keys] keeps keys of one tenant from another, at the API and in the database', async () => {
    const { id } = await made('acme', 'private');
    await expect(keys.get({ tenant: 'globex', id }, { timeoutMs })).rejects.toMatchObject({ code: 'not_found' });
    const listed = await keys.list({ tenant: 'globex', pageSize: 200 }, { timeoutMs });
    expect(listed.keys.map((key) => key.id)).not.toContain(id);
    for (const table of ['keys', 'key_secrets', 'revocations', 'creations']) {
      expect((await suite.asRole(undefined, `select tenant from ${table}`)).rows).toEqual([]);
      const { rows } = await suite.asRole('globex', `select distinct tenant from ${table}`);
      expect(rows.filter((row) => row.tenant !== 'globex')).toEqual([]);
    }
    expect((await suite.asRole('globex', 'update keys set name = name where id = $1', [id])).rowCount).toBe(0);
    const smuggled = `insert into keys (tenant, id, name, spec, prefix, generated) values ('acme', 'x', 'x', '{}', '', true)`;
    await expect(suite.asRole('globex', smuggled)).rejects.toThrow('row-level security');
    await expect(suite.asRole('acme', 'alter table keys disable row level security')).rejects.toThrow('owner');
  });

  it('[identity:hashed] keeps no secret in the database and writes none to the log', async () => {
    const { secret } = await made('acme', 'hashed');
    const idempotent = { tenant: 'acme', spec: { name: 'idempotent' }, idempotencyKey: 'req-1' };
    const first = await keys.create(idempotent, { timeoutMs });
    await expect(keys.create(idempotent, { timeoutMs })).resolves.toMatchObject({ secret: first.secret });
    for (const shown of [secret, first.secret]) {
      for (const table of ['keys', 'key_secrets', 'creations']) {
        const { rows } = await suite.asRole('*', `select t::text as row from ${table} t`);
        const random = shown.split('-')[2] as string;
        const hex = Buffer.from(random, 'utf8').toString('hex');
        expect(rows.filter((row) => row.row.includes(random) || row.row.includes(hex))).toEqual([]);
      }
      expect(one.output() + two.output()).not.toContain(shown);
    }
  });

  it('writes the last use in batches', async () => {
    const { id, secret } = await made('acme', 'used');
    await authenticated(secret, there);
    const until = Date.now() + 5000;
    let lastUsedAtMs = 0;
    while (lastUsedAtMs === 0 && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      lastUsedAtMs = (await keys.get({ tenant: 'acme', id }, { timeoutMs })).key?.lastUsedAtMs ?? 0;
    }
    expect(Math.abs(Date.now() - lastUsedAtMs)).toBeLessThan(6000);
  });

  it('[identity:callers] answers only callers whose edge it is', async () => {
    const denied = { code: 'permission_denied' };
    const spec = { name: 'x' };
    await expect(operator.create({ tenant: 'acme', spec }, { timeoutMs })).rejects.toMatchObject(denied);
    await expect(keys.upsert({ tenant: 'acme', resourceUid: 'u', spec }, { timeoutMs })).rejects.toMatchObject(denied);
    const proxy = one.client(KeyService, 'model-proxy');
    await expect(proxy.listOwned({}, { timeoutMs })).rejects.toMatchObject(denied);
    await expect(operator.list({ tenant: 'acme' }, { timeoutMs })).rejects.toMatchObject(denied);
    const made = { tenant: 'hooli', resourceUid: 'uid-owned', spec: { name: 'owned' } };
    await operator.upsert(made, { timeoutMs });
    const { keys: owned } = await operator.listOwned({}, { timeoutMs });
    expect(owned).toContainEqual(expect.objectContaining({ tenant: 'hooli', resourceUid: 'uid-owned', name: 'owned' }));
    await expect(proxy.list({ tenant: 'acme' }, { timeoutMs })).rejects.toMatchObject(denied);
  });

  it('[identity:chosen-secret-once] lets no second key have a chosen secret, also when both are made at once', async () => {
    const secret = 'the-same-chosen-value-for-two';
    const results = await Promise.allSettled(
      ['acme', 'globex'].map((tenant) =>
        operator.upsert({ tenant, resourceUid: `uid-${tenant}`, spec: { name: 'chosen' }, secret }, { timeoutMs }),
      ),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    await expect(authenticated(secret)).resolves.toMatchObject({ principal: { name: 'chosen' } });
  });

  it('[identity:pepper-rotation] goes over to a new pepper in use, and stops cleanly', async () => {
    const { secret } = await made('acme', 'peppered');
    const both = await suite.replica({ pepperFile: suite.file('both.json', keyFile('p2', 'p1')) });
    await authenticated(secret, both.client(AuthenticationService, 'model-proxy'));
    expect(await both.stop()).toBe(0);
    const fresh = await suite.replica({ pepperFile: suite.file('fresh.json', keyFile('p2')) });
    await expect(authenticated(secret, fresh.client(AuthenticationService, 'model-proxy'))).resolves.toMatchObject({
      principal: { name: 'peppered' },
    });
  }, 60_000);
});
