import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { services } from '@sallyport/cli/dev/topology';
import pg from 'pg';
import { openBrowser } from '../../services/console/src/testing/browser.ts';
import { type BadIdentityProvider, startBadIdentityProvider } from '../fakes/bad-identity-provider.ts';
import { type Listening, listen, recordRequest } from '../fakes/listening.ts';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { says } from '../fakes/tool-answers.ts';
import { type FakeToolServer, startFakeToolServer } from '../fakes/tool-server.ts';
import { canaries } from '../support/canaries.ts';
import { rawRequest } from '../support/raw-request.ts';
import { eventually, openHouse, PROVIDER_KEY, suiteWith, type TestSuite } from '../support/suite.ts';

const SERVICES = services.map(({ name }) => name).filter((name) => name !== 'demo' && name !== 'quarantine');
const TOOL_KEY = 'tool-server-secret-0123456789';

/** Headers that clients, SDKs and proxies send beside the credential; every request carries a canary in each of them. */
const BESIDE = [
  'cookie',
  'proxy-authorization',
  'openai-organization',
  'openai-project',
  'openai-beta',
  'anthropic-dangerous-direct-browser-access',
  'x-stainless-runtime-version',
  'x-stainless-package-version',
  'x-goog-user-project',
  'x-amz-security-token',
  'x-amz-date',
  'ocp-apim-subscription-key',
  'x-ms-token-aad-access-token',
  'x-vault-token',
  'x-auth-token',
  'x-csrf-token',
  'private-token',
  'authentication',
  'x-forwarded-user',
  'x-forwarded-email',
  'x-forwarded-groups',
  'x-forwarded-access-token',
  'x-auth-request-user',
  'x-auth-request-access-token',
  'x-forwarded-client-cert',
  'remote-user',
  'dpop',
  'signature',
  'baggage',
  'tracestate',
  'mcp-param-token',
  'last-event-id',
  'referer',
  'from',
] as const;

const CHAT = { model: 'echo', messages: [{ role: 'user', content: 'hello fox' }] };
const CALL = (meta: object) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'mail__send', arguments: { to: 'ann' }, _meta: meta },
});

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** Where credentials are presented. */
const INGRESSES: readonly {
  readonly path: string;
  readonly method?: string;
  readonly body?: (canary: () => string) => object;
}[] = [
  { path: '/v1/chat/completions', method: 'POST', body: () => CHAT },
  { path: '/v1/models' },
  { path: '/anthropic/v1/messages', method: 'POST', body: () => ({ ...CHAT, model: 'echo-a', max_tokens: 9 }) },
  { path: '/anthropic/v1/messages/count_tokens', method: 'POST', body: () => ({ ...CHAT, model: 'echo-a' }) },
  {
    path: '/mcp',
    method: 'POST',
    body: (canary) => CALL({ authorization: `Bearer ${canary()}`, 'example.com/token': canary() }),
  },
  { path: '/admin/v1/whoami' },
  { path: '/admin/v1/trajectories' },
  { path: '/approve' },
  { path: '/scim/v2/Users' },
];

describe('what is presented to the gateway', () => {
  const set = canaries();
  const spans: string[] = [];
  let provider: FakeProvider;
  let tools: FakeToolServer;
  let idp: BadIdentityProvider;
  let collector: Listening;
  let suite: TestSuite;

  beforeAll(async () => {
    provider = await startFakeProvider({ key: PROVIDER_KEY });
    tools = await startFakeToolServer({ key: TOOL_KEY, tools: [{ name: 'send', run: says('sent') }] });
    idp = await startBadIdentityProvider(['login']);
    collector = await listen(async (req, res) => {
      spans.push((await recordRequest(req)).body);
      res.writeHead(200).end();
    }, {});
    const tracing = { endpoint: `${collector.url}/v1/traces`, ratio: 1 };
    suite = await suiteWith(
      [
        ...openHouse(provider, ['echo']),
        { kind: 'Secret', name: 'tool', stringData: { key: TOOL_KEY } },
        {
          kind: 'ToolServer',
          name: 'mail',
          spec: {
            remote: { url: tools.url },
            allowPrivateNetwork: true,
            credentials: { secretRef: { name: 'tool', key: 'key' } },
            tools: [{ name: 'send', class: 'Read' }],
          },
        },
        { kind: 'Secret', name: 'scim', stringData: { token: set.put('the token of the SCIM client') } },
        {
          kind: 'IdentityProvider',
          name: 'login',
          spec: {
            type: 'OIDC',
            issuer: idp.of('login').issuer,
            audiences: ['sallyport'],
            allowPrivateNetwork: true,
            scim: { secretRef: { name: 'scim', key: 'token' } },
          },
        },
        { kind: 'Secret', name: 'batch', stringData: { secret: set.put('the secret of an OAuth client') } },
        {
          kind: 'Client',
          name: 'batch',
          spec: {
            grants: ['ClientCredentials'],
            authentication: 'client_secret_basic',
            secretRef: { name: 'batch', key: 'secret' },
            scopes: ['mcp', 'models'],
          },
        },
        { kind: 'Secret', name: 'hosted', stringData: { token: set.put('the secret of a hosted tool server') } },
        {
          // mcp-host and egress-proxy are started where something is hosted.
          kind: 'ToolServer',
          name: 'hosted',
          spec: {
            hosted: {
              image: 'example.com/none:1',
              command: [process.execPath],
              args: [fileURLToPath(new URL('../cluster/hosted/hostile.mjs', import.meta.url))],
              env: [{ name: 'TOKEN', secretRef: { name: 'hosted', key: 'token' } }],
            },
          },
        },
      ],
      { services: SERVICES, overrides: Object.fromEntries(SERVICES.map((name) => [name, { tracing }])) },
    );
    await eventually(
      async () => (await rawRequest(`${suite.endpoint}/mcp`, mcp('tools/list'))).text,
      (text) => text.includes('mail__send') && text.includes('hosted__'),
      20_000,
    );
  }, 120_000);
  afterAll(async () => {
    await suite?.end();
    for (const one of [provider, tools, idp, collector]) await one?.close();
  }, 60_000);

  const mcp = (method: string) => ({
    method: 'POST',
    headers: { authorization: `Bearer ${suite.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: {} }),
  });
  const beside = (place: string) =>
    Object.fromEntries(BESIDE.map((name) => [name, besideValue(name, set.put(`${name} at ${place}`))]));

  /** Sends to an ingress, a canary in every place beside the credential; the status. */
  const present = async (
    ingress: (typeof INGRESSES)[number],
    how: string,
    headers: Record<string, string>,
    query = '',
  ) => {
    const { path, method = 'GET', body } = ingress;
    const place = `${path} with ${how}`;
    const answer = await rawRequest(`${suite.endpoint}${path}${query}`, {
      method,
      // A trace that the client began, so that all that follows is in spans.
      headers: {
        ...beside(place),
        traceparent: TRACE,
        ...headers,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body(() => set.put(`_meta at ${place}`))) }),
    });
    return answer.status;
  };

  it('[tokens:no-passthrough] is taken where it is good, and refused where it is not', async () => {
    const key = set.also('a virtual key', suite.key);
    const admin = set.also('the key of an admin', suite.adminKey);
    const jwt = await idp.of('login').token({ claims: { own: set.put('a claim of a token') } });
    set.also('the signature of a token', jwt.split('.')[2] as string);
    set.also('the claims of a token', jwt.split('.')[1] as string);
    const basic = (secret: string) => `Basic ${Buffer.from(`batch:${secret}`).toString('base64')}`;
    const form = (fields: Record<string, string>, secret: string) => ({
      method: 'POST',
      headers: {
        ...beside('/oauth'),
        authorization: basic(secret),
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams(fields).toString(),
    });
    const oauth = `${suite.endpoint}/oauth/default`;
    const secret = set.all.get('the secret of an OAuth client') as string;
    const granted = await rawRequest(
      `${oauth}/token`,
      form({ grant_type: 'client_credentials', scope: 'models', resource: `${suite.endpoint}/v1` }, secret),
    );
    expect([granted.status, granted.text.includes('access_token')]).toEqual([200, true]);
    const own = (JSON.parse(granted.text) as { access_token: string }).access_token;
    set.also('the signature of our own token', own.split('.')[2] as string);
    for (const [path, fields] of [
      ['/token/introspection', { token: own }],
      ['/token/introspection', { token: set.put('a token that is introspected') }],
      ['/token/revocation', { token: set.put('a token that is revoked') }],
      [
        '/token',
        {
          grant_type: 'authorization_code',
          code: set.put('a code'),
          code_verifier: set.put('a verifier'),
          redirect_uri: 'https://a.example',
        },
      ],
      ['/token', { grant_type: 'refresh_token', refresh_token: set.put('a refresh token') }],
    ] as const) {
      await rawRequest(`${oauth}${path}`, form(fields, secret));
    }
    expect(
      (await rawRequest(`${oauth}/token`, form({ grant_type: 'client_credentials' }, set.put('a wrong client secret'))))
        .status,
    ).toBe(401);

    const good: [string, Record<string, string>][] = [
      ['a bearer key', { authorization: `Bearer ${key}` }],
      ['x-api-key', { 'x-api-key': key }],
      ['api-key', { 'api-key': key }],
      ['x-goog-api-key', { 'x-goog-api-key': key }],
      ['a token', { authorization: `Bearer ${jwt}` }],
      ['our own token', { authorization: `Bearer ${own}` }],
      ["an admin's key", { authorization: `Bearer ${admin}` }],
      ['the token of SCIM', { authorization: `Bearer ${set.all.get('the token of the SCIM client')}` }],
    ];
    const statuses = new Map<string, number>();
    for (const ingress of INGRESSES) {
      for (const [how, headers] of good) statuses.set(`${ingress.path} ${how}`, await present(ingress, how, headers));
      const bad = (name: string) => set.put(`a bad ${name} at ${ingress.path}`);
      const refused = [
        await present(ingress, 'a wrong key', { authorization: `Bearer sp-${bad('key')}` }),
        await present(ingress, 'a wrong token', {
          authorization: `Bearer ${jwt.split('.').slice(0, 2).join('.')}.${bad('signature')}`,
        }),
        await present(ingress, 'a wrong scheme', {
          authorization: `Basic ${Buffer.from(`a:${bad('password')}`).toString('base64')}`,
        }),
        await present(ingress, 'two', { authorization: `Bearer ${bad('first')}`, 'x-api-key': bad('second') }),
        await present(
          ingress,
          'a key in the URL',
          { 'x-api-key': key },
          `?key=${bad('key in the URL')}&access_token=${bad('token in the URL')}`,
        ),
        await present(ingress, "a provider's key", {
          'x-api-key': key,
          'sallyport-provider-key': bad("provider's key"),
        }),
        await present(ingress, 'a run that is none', {
          'x-api-key': key,
          'mcp-session-id': bad('session'),
        }),
      ];
      if (ingress.path !== '/approve') expect([ingress.path, ...refused.slice(0, 5)]).not.toContain(200);
    }
    for (const path of ['/v1/chat/completions', '/v1/models', '/anthropic/v1/messages', '/mcp', '/admin/v1/whoami']) {
      for (const how of ['a bearer key', 'x-api-key', 'api-key', 'x-goog-api-key']) {
        expect([path, how, statuses.get(`${path} ${how}`)]).toEqual([path, how, 200]);
      }
    }
    expect([statuses.get('/v1/models a token'), statuses.get('/v1/models our own token')]).toEqual([200, 200]);
    expect([
      statuses.get('/scim/v2/Users the token of SCIM'),
      statuses.get("/admin/v1/trajectories an admin's key"),
    ]).toEqual([200, 200]);
    const page = openBrowser(suite.endpoint);
    expect((await page.signIn(admin)).status).toBe(303);
    for (const [name, value] of page.cookies) set.also(`the cookie ${name}`, value);
    expect((await page.get('/approve')).text).toContain('Sign out');
    await openBrowser(suite.endpoint).signIn(set.put('a wrong key on the page'));
    expect([provider.requests.length > 8, tools.calls.length > 3]).toEqual([true, true]);
  }, 60_000);

  it('[tokens:no-passthrough] would be found however it is written', () => {
    const probe = set.put('a probe');
    for (const before of ['', 'a', 'ab', 'user:']) {
      const bytes = Buffer.from(`${before}${probe} and more`);
      for (const form of ['utf8', 'base64', 'base64url'] as const) {
        expect(set.foundIn(`x${bytes.toString(form)}`)).toEqual(['a probe']);
      }
    }
    expect(set.foundIn(Buffer.from(probe).toString('hex'))).toEqual(['a probe']);
    expect(set.foundIn(suite.key.slice(0, 12))).toEqual([]);
  });

  it('[tokens:no-passthrough] goes to no provider, tool server or identity provider', () => {
    expect(set.all.size).toBeGreaterThan(2_000);
    for (const requests of [provider.requests, tools.requests, idp.received]) {
      expect(requests.length).toBeGreaterThan(0);
      expect(set.foundIn(JSON.stringify(requests))).toEqual([]);
    }
  });

  it('[tokens:no-passthrough] is in no record and in no table', async () => {
    const headers = { authorization: `Bearer ${suite.adminKey}` };
    const listed = await eventually(
      async () => (await rawRequest(`${suite.endpoint}/admin/v1/trajectories?pageSize=200`, { headers })).text,
      (text) => text.split('"id"').length > 12,
    );
    const runs = (JSON.parse(listed) as { items: { id: string }[] }).items;
    const told = await Promise.all(
      runs.map(async ({ id }) => (await rawRequest(`${suite.endpoint}/admin/v1/trajectories/${id}`, { headers })).text),
    );
    expect(set.foundIn(listed + told.join())).toEqual([]);
    const client = new pg.Client({ connectionString: suite.postgres.adminUrl });
    await client.connect();
    try {
      const { rows: tables } = await client.query<{ name: string }>(
        `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
      );
      let written = '';
      for (const { name } of tables) {
        const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t`);
        written += rows.map(({ row }) => row).join('\n');
      }
      expect(written).toContain(runs[0]?.id);
      expect(set.foundIn(written)).toEqual([]);
    } finally {
      await client.end();
    }
  }, 30_000);

  it('[tokens:no-passthrough] is in no metric', async () => {
    for (const [name, { admin }] of Object.entries(suite.ports)) {
      const { status, text } = await rawRequest(`http://127.0.0.1:${admin}/metrics`);
      expect([name, status, set.foundIn(text)]).toEqual([name, 200, []]);
    }
  });

  it('[tokens:no-passthrough] is in no line of a log and in no span, once all of them are written', async () => {
    await suite.stop();
    const logs = join(suite.data, 'logs');
    const lines = readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'));
    expect(lines.length).toBeGreaterThanOrEqual(SERVICES.length);
    expect(set.foundIn(lines.join('\n'))).toEqual([]);
    const written = spans.join('\n');
    for (const name of ['model-proxy', 'mcp-broker', 'console', 'identity'])
      expect(written).toContain(`sallyport-${name}`);
    expect(set.foundIn(written)).toEqual([]);
  }, 60_000);
});

/** A canary in the form that a header of this name has. */
function besideValue(name: string, canary: string): string {
  if (name === 'cookie') return `session=${canary}; __Host-sallyport-session=${canary}`;
  if (name === 'proxy-authorization') return `Basic ${Buffer.from(`user:${canary}`).toString('base64')}`;
  if (name === 'baggage') return `token=${canary}`;
  if (name === 'tracestate') return `vendor=${canary}`;
  if (name === 'referer') return `https://app.example/?token=${canary}`;
  return canary;
}
