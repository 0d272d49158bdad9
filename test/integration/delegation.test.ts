import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { findSecret, type RecordedRequest } from '../fakes/listening.ts';
import { type ProtectedTools, startProtectedTools } from '../fakes/protected-tools.ts';
import {
  claimsOf,
  type FakeExchange,
  type FakeWorkforce,
  startAssertedServer,
  startTokenService,
  startWorkforce,
} from '../fakes/token-exchange.ts';
import { keepingPeople, signingIn } from '../support/killed-flows.ts';
import { type OAuthHouse, oauthHouse } from '../support/oauth-house.ts';
import { asSuperuser } from '../support/processes.ts';
import { seededNumbers } from '../support/seeded.ts';
import { eventually, type ResourceInit } from '../support/suite.ts';

const KEY = 'sk-of-robin-canary-0123456789abcdef';
const NOBODY = 'sk-of-nobody-canary-0123456789abcdef';
const STRANGER = 'sk-of-stranger-canary-0123456789abcdef';
const ROSTER = 'token-of-the-roster-canary-0123456789abcdef';
/** So often vault and identity are killed; the more the longer. */
const KILLS = Number(process.env.KILLS ?? 2);
const SERVERS = ['asserted', 'behalf', 'exchanged'] as const;
type Server = (typeof SERVERS)[number];

describe('tool servers that are called in the name of people', () => {
  let house: OAuthHouse;
  let work: FakeWorkforce;
  let sts: FakeExchange;
  let as: FakeExchange;
  let tools: Record<Server, ProtectedTools>;
  const inbound: string[] = [KEY, NOBODY, STRANGER];

  beforeAll(async () => {
    sts = await startTokenService(() => house.issuer);
    as = await startAssertedServer(() => work);
    const tool = { name: 'look', run: () => ({ content: [{ type: 'text' as const, text: 'looked' }] }) };
    const serving = (issuer: string, holder: FakeExchange['holder']) =>
      startProtectedTools({ issuer, holder }, { tools: [tool] });
    tools = {
      exchanged: await serving(sts.issuer, sts.holder),
      behalf: await serving('https://nobody.example', (token) => work.holder(token)),
      asserted: await serving(as.issuer, as.holder),
    };
    house = await oauthHouse({
      startProvider: async (callbacks, people) => {
        work = await startWorkforce(callbacks, people);
        return work;
      },
      provider: {
        client: { clientId: 'gateway-at-work', secretRef: { name: 'idp', key: 'secret' }, keepGrant: true },
      },
      overrides: { vault: { leaseTtl: '1s' } },
      resources: [
        ...key('robins', KEY, 'robin@example.com'),
        ...key('nobodys', NOBODY),
        ...key('strangers', STRANGER, 'stranger'),
        { kind: 'Secret', name: 'roster', stringData: { token: ROSTER } },
        {
          kind: 'IdentityProvider',
          name: 'roster',
          spec: {
            type: 'OIDC',
            issuer: 'https://roster.example',
            audiences: ['roster'],
            scim: { secretRef: { name: 'roster', key: 'token' } },
          },
        },
      ],
    });
    work.resources.set('api://behalf/.default', tools.behalf.url);
    work.clients.set(as.issuer, as.clientId);
    const server = (name: Server, { clientId, clientSecret }: FakeExchange | FakeWorkforce, auth: object) => [
      { kind: 'Secret', name, stringData: { secret: clientSecret } },
      {
        kind: 'ToolServer',
        name,
        spec: {
          remote: { url: tools[name].url },
          allowPrivateNetwork: true,
          defaultClass: 'Read',
          auth: { clientId, secretRef: { name, key: 'secret' }, ...auth },
        },
      },
    ];
    house.suite.apply('delegated', [
      ...server('exchanged', sts, { type: 'TokenExchange', issuer: sts.issuer }),
      ...server('behalf', work, { type: 'EntraOnBehalfOf', issuer: work.issuer, scopes: ['api://behalf/.default'] }),
      ...server('asserted', as, { type: 'IdentityAssertion', issuer: as.issuer, identityIssuer: work.issuer }),
    ]);
  }, 120_000);
  afterAll(async () => {
    await house?.end();
    await Promise.all([sts, as, ...Object.values(tools ?? {})].map((one) => one?.close()));
  }, 60_000);

  const mcp = async (bearer: string, method: string, params: object = {}) => {
    const answer = await fetch(`${house.suite.endpoint}/mcp`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    return (await answer.json()) as { result: Record<string, unknown>; error?: { message: string } };
  };
  const listed = async (bearer: string) =>
    ((await mcp(bearer, 'tools/list')).result.tools as { name: string }[]).map(({ name }) => name).sort();
  const call = async (bearer: string, server: Server) => {
    const { result, error } = await mcp(bearer, 'tools/call', { name: `${server}__look`, arguments: {} });
    if (error !== undefined) throw new Error(error.message);
    const {
      content,
      isError = false,
      _meta: meta,
    } = result as Record<string, unknown> & { content: { text: string }[] };
    return { text: content[0]?.text ?? '', isError, meta: meta as Record<string, { url?: string }> };
  };
  const signedIn = async (login: string) => {
    const tokens = await house.tokens(login);
    inbound.push(tokens.access_token, tokens.refresh_token);
    return tokens.access_token;
  };
  const outbound = (): RecordedRequest[] =>
    [sts, as, work, ...Object.values(tools)].flatMap(({ requests }) => requests);
  const calls = () => SERVERS.map((name) => tools[name].callers.length);

  it('[delegation:wire] calls three servers by three ways in the name of who signed in, and lists them for them', async () => {
    const robin = await signedIn('robin');
    const names = SERVERS.map((server) => `${server}__look`);
    await eventually(
      () => listed(robin),
      (found) => found.join() === names.join(),
      15_000,
    );
    for (const server of SERVERS) expect(await call(robin, server)).toMatchObject({ text: 'looked', isError: false });
    expect(tools.exchanged.callers.at(-1)).toMatchObject({
      user: 'user:robin@example.com',
      act: { sub: 'client:editor' },
    });
    expect(tools.behalf.callers.at(-1)).toMatchObject({ user: 'u-1' });
    expect(tools.asserted.callers.at(-1)).toMatchObject({ user: 'u-1', clientId: as.clientId });
  }, 60_000);

  it('[delegation:wire] says that a key acts, and asks for nothing anew while its token lasts', async () => {
    for (const server of SERVERS) expect((await call(KEY, server)).text).toBe('looked');
    expect(tools.exchanged.callers.at(-1)).toMatchObject({ act: { sub: expect.stringMatching(/^key:/) } });
    const before = [sts, as, work].map(({ requests }) => requests.length);
    for (const server of SERVERS) await call(KEY, server);
    expect([sts, as, work].map(({ requests }) => requests.length)).toEqual(before);
  }, 30_000);

  it('[delegation:no-fallback] calls nothing for whom no token is given, whoever else has one, and says where to sign in', async () => {
    const kim = await signedIn('kim');
    for (const exchange of [sts, as]) exchange.refuse('invalid_grant');
    work.refuse('interaction_required');
    const before = calls();
    for (const server of SERVERS) expect(await call(kim, server)).toMatchObject({ isError: true });
    const { text, meta } = await call(kim, 'behalf');
    expect(text).toContain('/approve/sign-in/people?tenant=default');
    expect(meta['sallyport.dev/connect']?.url).toContain('/approve/sign-in/people');
    // A key of nobody, and one of somebody whom no provider has ever shown.
    for (const key of [NOBODY, STRANGER]) {
      for (const server of SERVERS) expect(await call(key, server)).toMatchObject({ isError: true });
    }
    expect(calls()).toEqual(before);
    for (const exchange of [sts, as, work]) exchange.refuse(undefined);
    for (const server of SERVERS) expect((await call(kim, server)).text).toBe('looked');
    expect(tools.exchanged.callers.at(-1)).toMatchObject({ user: 'user:kim@example.com' });
  }, 30_000);

  it('[delegation:refresh] refreshes a sign-in at its provider, and asks for a new one when that ended it', async () => {
    work.lifetimeS = 20;
    const robin = await signedIn('robin');
    // Of an application of their own, so that nothing is in memory for it.
    const other = async () => (await call(robin, 'behalf')) as { text: string; isError: boolean };
    const refreshed = () => work.requests.filter(({ body }) => body.includes('grant_type=refresh_token')).length;
    const before = refreshed();
    expect((await other()).text).toBe('looked');
    expect(refreshed()).toBe(before + 1);
    work.endSessions();
    await eventually(other, ({ text }) => text.includes('/approve/sign-in/people'), 15_000);
    work.lifetimeS = 3_600;
    expect((await call(await signedIn('robin'), 'behalf')).text).toBe('looked');
  }, 40_000);

  it('[delegation:challenge] hands on what the provider wants of a person to their next sign-in there, and to nobody else’s', async () => {
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
    const kim = await signedIn('kim');
    work.challenge(claims);
    const { text, isError } = await call(kim, 'behalf');
    expect([isError, text]).toEqual([true, expect.stringContaining('/approve/sign-in/people')]);
    expect(text).not.toContain('acrs');
    const asked: string[] = [];
    const signIn = work.signIn;
    work.signIn = (url, login) => {
      asked.push(new URL(url).searchParams.get('claims') ?? '');
      return signIn(url, login);
    };
    await signedIn('robin');
    expect(asked.splice(0)).toEqual(['']);
    const again = await signedIn('kim');
    expect(asked.splice(0)).toEqual(['', claims]);
    expect((await call(again, 'behalf')).text).toBe('looked');
    await signedIn('kim');
    expect(asked).toEqual(['']);
    work.signIn = signIn;
    work.challenge(undefined);
  }, 30_000);

  it(
    '[delegation:killed] gives nobody another’s token, loses nothing and half-does nothing where vault and identity are killed at any moment',
    async () => {
      const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
      const next = seededNumbers(seed);
      const people = { robin: 'u-1', kim: 'u-2' };
      const logins = Object.keys(people) as (keyof typeof people)[];
      // Each call has its tokens anew; answers may get lost, as issuers allow for that rotate.
      Object.assign(work, { lifetimeS: 20, refreshGrace: true });
      const held = new Map<string, string>();
      for (const login of logins) held.set(login, await signedIn(login));
      const sent = () => [sts, as, work].reduce((sum, { requests }) => sum + requests.length, 0);
      const asks = (bearer: string, server: Server) =>
        call(bearer, server).catch((error: Error) => ({ text: error.message }));
      const roster = keepingPeople(house.suite.endpoint, ROSTER);
      await roster.ready();

      for (let round = 0; round < KILLS; round++) {
        const victims = (['vault', 'identity'] as const).filter((_, n) => (seed + round) % 3 !== n);
        const at = sent() + 1 + Math.floor(12 * next());
        let over = false;
        const secret = `sk-of-round-${round}-canary-0123456789abcdef`;
        inbound.push(secret);
        house.suite.apply(`round-${round}`, key(`round-${round}`, secret, 'robin@example.com'));
        const about = { seed, round, victims };
        const checks = [signingIn(house, logins), roster].map((flow) => flow.begin(`${seed}-${round}`));
        const calling = logins.flatMap((login) =>
          SERVERS.map(async (server) => {
            while (!over) if ((await asks(held.get(login) ?? '', server)).text !== 'looked') await pause(20);
          }),
        );
        for (const end = Date.now() + 5_000; sent() < at && Date.now() < end; ) await pause(2);
        await Promise.all(victims.map((name) => house.suite.kill(name)));
        over = true;
        await Promise.all(victims.map((name) => house.suite.restart(name)));
        await Promise.all(calling);
        // The time that a dead replica holds others up for has passed.
        await asSuperuser(house.suite, (database) =>
          database.query(
            'update sallyport_vault.oauth_grants set refresh_until = now() where refresh_until is not null',
          ),
        );
        for (const check of checks) await check();
        for (const login of logins) {
          for (const server of SERVERS) {
            const looked = () => asks(held.get(login) ?? '', server);
            await eventually(looked, ({ text }) => text === 'looked', 15_000);
            const whose = tools[server].callers.at(-1)?.user;
            const theirs = server === 'exchanged' ? `user:${login}@example.com` : people[login];
            expect({ ...about, login, server, whose }).toEqual({ ...about, login, server, whose: theirs });
          }
        }
        await eventually(
          () => asks(secret, 'exchanged'),
          ({ text }) => text === 'looked',
        );
        expect(tools.exchanged.callers.at(-1)).toMatchObject({ user: 'user:robin@example.com' });
      }
      expect(work.replays).toEqual({ codes: 0, refreshTokens: 0 });
      Object.assign(work, { lifetimeS: 3_600, refreshGrace: false });
    },
    60_000 + KILLS * 30_000,
  );

  it('[delegation:no-passthrough] sent nothing that a caller presented anywhere, and every other token only where it belongs', async () => {
    const requests = outbound();
    expect(requests.length).toBeGreaterThan(10);
    for (const secret of inbound) expect(requests.flatMap((request) => findSecret(request, secret))).toEqual([]);
    const forms = (of: { readonly requests: RecordedRequest[] }) =>
      of.requests.map(({ body }) => new URLSearchParams(body));
    const field = (of: { readonly requests: RecordedRequest[] }, name: string) =>
      forms(of).flatMap((form) => form.get(name) ?? []);
    const ours = field(sts, 'subject_token');
    const signIns = [...field(work, 'assertion'), ...field(work, 'subject_token')];
    const grants = field(as, 'assertion');
    for (const [secrets, to] of [
      [ours, sts],
      [signIns, work],
      [grants, as],
    ] as const) {
      expect(secrets.length).toBeGreaterThan(0);
      const elsewhere = [sts, as, work, ...Object.values(tools)].filter((one) => one !== to);
      for (const secret of secrets) {
        expect(elsewhere.flatMap((one) => one.requests.flatMap((request) => findSecret(request, secret)))).toEqual([]);
      }
    }
    for (const token of ours) expect(claimsOf(token)).toMatchObject({ iss: house.issuer, aud: sts.issuer });
    const left = await leftBehind(house.suite);
    const all = [...inbound, ...ours, ...signIns, ...grants, ...tools.behalf.requests.flatMap(bearerOf)];
    expect(all.length).toBeGreaterThan(10);
    expect(all.filter((one) => left.includes(one) || left.includes(Buffer.from(one).toString('hex')))).toEqual([]);
    for (const { clientSecret } of [sts, as, work]) {
      const bodies = Object.values(tools).flatMap((one) => one.requests);
      expect(bodies.flatMap((request) => findSecret(request, clientSecret))).toEqual([]);
    }
  });
});

/** A key of a person, by a Secret. */
function key(name: string, secret: string, owner?: string): ResourceInit[] {
  return [
    { kind: 'Secret', name, stringData: { key: secret } },
    { kind: 'VirtualKey', name, spec: { ...(owner ? { owner } : {}), secretRef: { name, key: 'key' } } },
  ];
}

function bearerOf({ headers }: RecordedRequest): string[] {
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
  return token === undefined ? [] : [token];
}

/** Logs of all services, and all rows of their databases as text: bytes in hex. */
async function leftBehind({ data, postgres }: OAuthHouse['suite']): Promise<string> {
  const logs = readdirSync(join(data, 'logs')).map((name) => readFileSync(join(data, 'logs', name), 'utf8'));
  const admin = new pg.Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  try {
    const { rows } = await admin.query(
      `select table_schema as schema, table_name as name from information_schema.tables
        where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
    );
    const texts = [];
    for (const { schema, name } of rows) {
      const found = await admin.query(`select t::text as row from "${schema}"."${name}" t`);
      texts.push(found.rows.map(({ row }) => row as string).join('\n'));
    }
    return [...logs, ...texts].join('\n');
  } finally {
    await admin.end();
  }
}
