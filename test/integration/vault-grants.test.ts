import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Connection_State } from '@sallyport/proto/vault/v1/grants_pb';
import type { AuthorizationFaults } from '../fakes/authorization-server.ts';
import { type GrantsHouse, grantsHouse, PUBLIC_URL } from '../support/grants-house.ts';
import { seededNumbers } from '../support/seeded.ts';
import type { Replica } from '../support/service-replicas.ts';

const timeoutMs = 10_000;
const pause = (ms: number) => new Promise<false>((resolve) => setTimeout(() => resolve(false), ms));
/** So often vault is killed; the more the longer. */
const KILLS = Number(process.env.KILLS ?? 3);
const MISSING = { code: 'upstream_credentials', details: { missing: 'grant' } };

describe('grants at tool servers, in vault', () => {
  let house: GrantsHouse;
  let other: Replica;
  let well: AuthorizationFaults;
  beforeAll(async () => {
    house = await grantsHouse();
    other = await house.start();
    well = { ...house.as.faults };
  }, 90_000);
  afterAll(() => house?.close(), 30_000);
  afterEach(() => void Object.assign(house.as.faults, well));

  it('[grants:own] [vault:heir] gives each person tokens of their own, for the server alone, kept sealed', async () => {
    const server = await house.server();
    await expect(house.lease(server, 'dana')).rejects.toMatchObject(MISSING);
    const before = Date.now() - 1_000;
    await house.connect(server, 'dana');
    await house.connect(server, 'robin');
    const [danas, robins] = [await house.lease(server, 'dana', { on: other }), await house.lease(server, 'robin')];
    expect(danas).toMatchObject({ owner: 'user:dana', reference: `grant:dana/${server}#1`, scopes: ['tools:use'] });
    expect(house.as.holder(danas.value)).toMatchObject({ user: 'dana', resource: house.tools.url });
    expect(house.as.holder(robins.value)?.user).toBe('robin');
    const nobodys = house.lease(server, '', { id: 'client:batch' });
    await expect(nobodys).rejects.toMatchObject(MISSING);
    // Who took over the name connects anew.
    const heirs = house.lease(server, 'dana', { userSinceMs: before + 60_000 });
    await expect(heirs).rejects.toMatchObject(MISSING);
    expect(await house.lease(server, 'dana', { userSinceMs: before })).toMatchObject({ reference: danas.reference });
    // Tools are listed with what somebody allowed.
    expect((await house.lease(server, '', { id: 'service:mcp-broker' })).owner).toBe('user:dana');
    const tables = ['oauth_grants', 'oauth_clients', 'oauth_flows', 'record_outbox'];
    const rows = await Promise.all(
      tables.map((table) => house.service.asRole('*', `select t::text as row from ${table} t`)),
    );
    const all = JSON.stringify(rows.map(({ rows: held }) => held)) + house.replica.output() + other.output();
    expect(all).toContain('dana');
    for (const secret of [danas.value, robins.value, 'rt-', 'code-']) expect(all).not.toContain(secret);
    expect((await house.service.asRole('globex', 'select uid from oauth_grants')).rows).toEqual([]);
  });

  it.each([
    ['announces no PKCE', { code_challenge_methods_supported: undefined }, 'unsupported'],
    ['announces plain PKCE alone', { code_challenge_methods_supported: ['plain'] }, 'unsupported'],
    ['names another issuer', { issuer: 'https://login.example' }, 'upstream_invalid'],
    ['has an endpoint of no web', { authorization_endpoint: 'javascript:alert(1)' }, 'upstream_invalid'],
    ['registers at a metadata address', { registration_endpoint: 'http://169.254.169.254/r' }, 'permission_denied'],
    ['registers nobody', { registration_endpoint: undefined }, 'unsupported'],
  ])('[grants:refused] connects nobody to a server that %s', async (_what, metadata, code) => {
    const server = await house.server();
    house.as.faults.metadata = metadata;
    await expect(house.begin(server, 'dana')).rejects.toMatchObject({ code });
  });

  it('[grants:refused] connects nobody by metadata of another resource, oversized, or that redirects', async () => {
    const invalid = { code: 'upstream_invalid' };
    Object.assign(house.tools.metadata, { resource: 'https://other.example/mcp' });
    await expect(house.begin(await house.server(), 'dana')).rejects.toMatchObject(invalid);
    delete house.tools.metadata.resource;
    house.as.faults.metadataAnswer = 'oversized';
    await expect(house.begin(await house.server(), 'dana')).rejects.toMatchObject(invalid);
    house.as.faults.metadataAnswer = 'redirected';
    await expect(house.begin(await house.server(), 'dana')).rejects.toMatchObject({ code: 'upstream_error' });
    expect(house.as.requests.some(({ path }) => path === '/elsewhere')).toBe(false);
  });

  it('[grants:state] takes an answer from who began, once', async () => {
    const server = await house.server();
    const back = await house.back(server, 'dana');
    const denied = { code: 'permission_denied' };
    await expect(house.complete('robin', back)).rejects.toMatchObject(denied);
    const abroad = house.grants().complete({ tenant: 'globex', user: 'dana', ...back }, { timeoutMs });
    await expect(abroad).rejects.toMatchObject(denied);
    await expect(house.complete('dana', { ...back, state: `${back.state}x` })).rejects.toMatchObject(denied);
    const both = [house.replica, other].map((on) =>
      house.grants(on).complete({ tenant: 'acme', user: 'dana', ...back }, { timeoutMs }),
    );
    const ends = (await Promise.allSettled(both)).map(({ status }) => status);
    expect(ends.sort()).toEqual(['fulfilled', 'rejected']);
    await expect(house.complete('dana', back)).rejects.toMatchObject(denied);
    expect(house.as.replays.codes).toBe(0);
  });

  it('[grants:mix-up] takes no answer of another authorization server than was asked', async () => {
    const server = await house.server();
    const denied = { code: 'permission_denied' };
    const redeemed = () => house.as.requests.filter(({ path }) => path === '/token').length;
    const before = redeemed();
    for (const iss of ['none', 'https://evil.example', `${house.as.issuer}/`]) {
      house.as.faults.iss = iss;
      await expect(house.complete('dana', await house.back(server, 'dana'))).rejects.toMatchObject(denied);
    }
    expect(redeemed()).toBe(before);
    // One that never names itself has an address of its own, to which no honest other sends anybody.
    house.as.faults.iss = 'none';
    house.as.faults.metadata = { authorization_response_iss_parameter_supported: undefined };
    const silent = await house.server();
    const asked = (await house.begin(silent, 'dana')).searchParams.get('redirect_uri') ?? '';
    expect(asked).toMatch(new RegExp(`^${PUBLIC_URL}/me/callback/[\\w-]{22}$`));
    const back = await house.back(silent, 'dana');
    await expect(house.complete('dana', { ...back, callback: '' })).rejects.toMatchObject(denied);
    expect(redeemed()).toBe(before);
    await house.connect(silent, 'dana');
  });

  it('[grants:refused] says that a person did not allow it, and nothing of a stranger', async () => {
    const server = await house.server();
    const url = await house.begin(server, 'dana');
    const denied = await house.as.signIn(url.href, 'dana', 'deny');
    const answer = { state: denied.searchParams.get('state') ?? '', code: '', issuer: house.as.issuer, callback: '' };
    const refused = house.complete('dana', { ...answer, error: 'access_denied' });
    await expect(refused).rejects.toMatchObject({ code: 'permission_denied', message: 'You did not allow it.' });
  });

  it('[grants:clients] is known by a document, by registration, or by an id and a secret of its issuer', async () => {
    const { as } = house;
    as.faults.metadata = { client_id_metadata_document_supported: true };
    const document = await house.server({ registration: 'Metadata' });
    const asked = await house.begin(document, 'dana');
    expect(asked.searchParams.get('client_id')).toBe(`${PUBLIC_URL}/me/client.json`);
    await house.connect(document, 'dana');

    const redirectUris = [`${PUBLIC_URL}/me/callback`];
    as.addClient('own', { redirectUris, secret: 'client-secret-canary' });
    const ref = { name: 'client', key: 'secret' };
    const at = { tenant: 'acme', kind: 'ToolServer', name: 'own', uid: 'uid-own', origin: new URL(as.issuer).origin };
    const auth = { type: 'OAuth', scopes: ['a', 'b'], clientId: 'own', issuer: as.issuer, resource: house.tools.url };
    const put = (value: string) => house.operator().put({ tenant: 'acme', ref, value, version: value }, { timeoutMs });
    await put('client-secret-canary');
    const more = { url: house.tools.url, allowPrivateNetwork: true, authJson: JSON.stringify(auth), ref };
    await house.operator().grant({ ...at, ...more }, { timeoutMs });
    expect((await house.begin('own', 'dana')).searchParams.get('scope')).toBe('a b');
    await house.connect('own', 'dana');
    // A secret that changed is used at the next refresh, and a wrong one ends nobody's grant.
    const use = { tenant: 'acme', kind: 'ToolServer', uid: 'uid-own', origin: at.origin, ref: undefined };
    const principal = { tenant: 'acme', id: 'user:dana', user: 'dana', teams: [] };
    const { CredentialService } = await import('@sallyport/proto/vault/v1/vault_pb');
    const broker = house.replica.client(CredentialService, 'mcp-broker');
    as.addClient('own', { redirectUris, secret: 'another-secret' });
    const lease = (refusedReference: string) =>
      broker.resolve({ ...use, name: 'own', principal, refusedReference } as never, { timeoutMs });
    const { reference } = await lease('');
    await expect(lease(reference)).rejects.toMatchObject({
      code: 'upstream_credentials',
      details: { oauth: 'invalid_client' },
    });
    expect((await lease('')).reference).toBe(reference);
    // A registration that is forgotten is made anew.
    const dynamic = await house.server({ registration: 'Dynamic' });
    await house.connect(dynamic, 'dana');
    as.forgetClients();
    await expect(house.lease(dynamic, 'dana', { refused: `grant:dana/${dynamic}#1` })).rejects.toMatchObject(MISSING);
    await house.connect(dynamic, 'dana');
    expect(as.holder((await house.lease(dynamic, 'dana')).value)?.user).toBe('dana');
  });

  it('[grants:host] sends no token to another host than the person connected', async () => {
    const server = await house.server();
    await house.connect(server, 'dana');
    const elsewhere = house.lease(server, 'dana', { origin: 'https://evil.example' });
    await expect(elsewhere).rejects.toMatchObject({ code: 'permission_denied' });
    const uid = `uid-${server.replace('tools-', '')}`;
    await house.server({}, { name: server, uid, url: 'https://evil.example/mcp' });
    await expect(house.lease(server, 'dana')).rejects.toMatchObject(MISSING);
    const states = await house.grants().listConnections({ tenant: 'acme', user: 'dana' }, { timeoutMs });
    expect(states.connections.find((one) => one.server === server)?.state).toBe(Connection_State.ENDED);
    await expect(house.lease(server, '', { id: 'service:mcp-broker' })).rejects.toMatchObject(MISSING);
  });

  it('[grants:refresh-once] refreshes once for both replicas, and a token that is refused once more than it must', async () => {
    const server = await house.server();
    house.as.faults.lifetimeS = 1;
    await house.connect(server, 'dana');
    house.as.faults.lifetimeS = 3_600;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    house.as.faults.tokenDelayMs = 200;
    const before = house.as.refreshes();
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, n) => house.lease(server, 'dana', { on: n % 2 ? other : house.replica })),
    );
    expect(new Set(all.map(({ value }) => value)).size).toBe(1);
    expect(house.as.refreshes()).toBe(before + 1);
    const refused = all[0]?.reference ?? '';
    const next = await house.lease(server, 'dana', { refused });
    expect(next.reference).not.toBe(refused);
    // A server that refuses what is good does not make us refresh for each of its answers.
    expect((await house.lease(server, 'dana', { refused: next.reference })).reference).toBe(next.reference);
    expect(house.as.refreshes()).toBe(before + 2);
    expect(house.as.replays.refreshTokens).toBe(0);
  });

  it('[grants:durable] gives out what a refresh brought once it is written down, and no sooner', async () => {
    const server = await house.server();
    await house.connect(server, 'dana');
    house.as.faults.tokenDelayMs = 500;
    const asked = () => house.as.requests.filter(({ path }) => path === '/token').length;
    const before = asked();
    const order: string[] = [];
    const leased = house.lease(server, 'dana', { refused: `grant:dana/${server}#1` }).then(({ value }) => {
      order.push('leased');
      return value;
    });
    while (asked() === before) await pause(5);
    // Whoever holds the row keeps the answer from being written.
    const held = 'select 1 from oauth_grants where resource_name = $1 for update';
    const released = house.service
      .asRole('acme', `select pg_sleep(1.2) from (${held}) as held`, [server])
      .then(() => order.push('released'));
    const [value] = await Promise.all([leased, released]);
    expect(order).toEqual(['released', 'leased']);
    expect((await house.lease(server, 'dana', { on: other })).value).toBe(value);
  });

  it('[grants:away] goes on with a token that is good while its issuer is away, and ends no grant for that', async () => {
    const server = await house.server();
    house.as.faults.lifetimeS = 20;
    await house.connect(server, 'dana');
    house.as.faults.token = 'status-500';
    const held = await house.lease(server, 'dana');
    expect(house.as.holder(held.value)?.user).toBe('dana');
    expect(held.leaseTtlMs).toBeLessThanOrEqual(10_000);
    await expect(house.lease(server, 'dana', { refused: held.reference })).rejects.toMatchObject({
      code: 'unavailable',
    });
    house.as.faults.token = 'well';
    expect((await house.lease(server, 'dana')).reference).not.toBe(held.reference);
  });

  it('[grants:ended] ends with its issuer, or when the person says so, and is recorded', async () => {
    const server = await house.server();
    await house.connect(server, 'dana');
    house.as.endGrants('dana');
    const refused = `grant:dana/${server}#1`;
    await expect(house.lease(server, 'dana', { refused })).rejects.toMatchObject(MISSING);
    await expect(house.lease(server, 'dana', { on: other })).rejects.toMatchObject(MISSING);
    await house.connect(server, 'dana');
    const { value } = await house.lease(server, 'dana', { on: other });
    const gone = await house.grants().disconnect({ tenant: 'acme', user: 'dana', server }, { timeoutMs });
    expect(gone.revokedUpstream).toBe(true);
    expect(house.as.holder(value)).toBeUndefined();
    await expect(house.lease(server, 'dana', { on: other })).rejects.toMatchObject(MISSING);
    const { rows } = await house.service.asRole('*', "select encode(record, 'escape') as record from record_outbox");
    const told = rows.map(({ record }) => String(record)).filter((record) => record.includes(server));
    for (const action of ['grants.connect', 'grants.end', 'grants.disconnect']) {
      expect(told.filter((record) => record.includes(`"${action}"`)).length).toBeGreaterThan(0);
    }
  });

  it('[grants:scopes] asks for what a call lacked beside what the person allowed already', async () => {
    const server = await house.server();
    await house.connect(server, 'dana');
    const asked = await house.begin(server, 'dana', ['tools:write', 'no scope"']);
    expect(asked.searchParams.get('scope')).toBe('tools:use tools:write no');
    await house.connect(server, 'dana', ['tools:write']);
    expect((await house.lease(server, 'dana')).scopes).toEqual(['tools:use', 'tools:write']);
  });

  it('[grants:killed] loses no grant and uses no code twice where vault is killed at any moment', async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    const next = seededNumbers(seed);
    const server = await house.server();
    // Each lease refreshes; answers may get lost, as issuers allow for that rotate.
    Object.assign(house.as.faults, { lifetimeS: 20, refreshGrace: true });
    const connected: string[] = [];
    const join = async (user: string) => {
      const back = await house.back(server, user);
      const again = await house.complete(user, back).then(
        () => undefined,
        () => back,
      );
      if (again === undefined) connected.push(user);
      return again && { user, back: again };
    };
    await join('first');
    for (let round = 0; round < KILLS; round++) {
      const users = [0, 1, 2].map((n) => `user-${round}-${n}`);
      // By what happens, not by the clock: a loaded machine would have done nothing yet.
      const at = house.as.requests.length + 1 + Math.floor(16 * next());
      const busy = [
        ...users.map((user) => join(user).catch(() => undefined)),
        ...connected.map((user) => house.lease(server, user).catch(() => undefined)),
      ];
      const over = Promise.all(busy).then(() => true);
      while (house.as.requests.length < at && !(await Promise.race([over, pause(5)])));
      const killed = house.replica;
      [house.replica] = await Promise.all([house.start(), killed.kill()]);
      for (const begun of await Promise.all(busy)) {
        if (begun === undefined || !('back' in begun)) continue;
        // Nobody told them that it went well: the answer is brought again, and taken once at most.
        await house.complete(begun.user, begun.back).then(
          () => connected.push(begun.user),
          () => undefined,
        );
      }
      // Who was cut off begins anew.
      for (const user of users) if (!connected.includes(user)) await join(user);
      for (const user of connected) {
        const { value } = await house.lease(server, user);
        expect({ seed, round, user: house.as.holder(value)?.user }).toEqual({ seed, round, user });
      }
    }
    // The time that a dead replica holds others up for has passed.
    await house.service.asRole('acme', 'update oauth_grants set refresh_until = now() where refresh_until is not null');
    for (const user of connected) {
      const { reference } = await house.lease(server, user);
      const { value } = await house.lease(server, user, { refused: reference });
      expect({ seed, user: house.as.holder(value)?.user }).toEqual({ seed, user });
    }
    expect(connected.length).toBe(1 + 3 * KILLS);
    expect(house.as.replays).toEqual({ codes: 0, refreshTokens: 0 });
  }, 180_000);
});
