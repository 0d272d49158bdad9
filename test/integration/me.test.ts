import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Browser, openBrowser } from '../../services/console/src/testing/browser.ts';
import { says } from '../fakes/tool-answers.ts';
import { type FakeToolServer, startFakeToolServer } from '../fakes/tool-server.ts';
import { httpClient } from '../support/http-client.ts';
import { CALLBACK, type OAuthHouse, oauthHouse } from '../support/oauth-house.ts';
import { eventually } from '../support/suite.ts';

/** DESIGN section 8: what ends reaches every replica within one second. */
const ENDED_WITHIN_MS = 1_000;
const NOTES = {
  kind: 'Client',
  name: 'notes',
  spec: { redirectURIs: [CALLBACK], grants: ['AuthorizationCode', 'RefreshToken'] },
};

let house: OAuthHouse;
let tools: FakeToolServer;
let agent: ReturnType<typeof httpClient>;

beforeAll(async () => {
  tools = await startFakeToolServer({ tools: [{ name: 'send', run: says('sent') }] });
  house = await oauthHouse({
    services: ['console'],
    provider: { mapping: { teams: 'claims.groups' }, adminGroups: ['admins'] },
    resources: [
      { kind: 'VirtualKey', name: 'agent', spec: { targetSecret: { name: 'agent-key', key: 'key' } } },
      {
        kind: 'ToolServer',
        name: 'mail',
        spec: { remote: { url: tools.url }, allowPrivateNetwork: true, tools: [{ name: 'send', class: 'Egress' }] },
      },
      {
        kind: 'ToolPolicy',
        name: 'mail',
        spec: {
          mode: 'Enforce',
          tools: [{ server: 'mail', tool: 'send' }],
          calls: [{ name: 'all', action: 'Ask', reason: 'Somebody has to look at it.' }],
          approvers: { teams: ['desk'] },
        },
      },
    ],
  });
  house.suite.apply('notes', [NOTES]);
  agent = httpClient(house.suite.endpoint, await house.suite.keyOf('default', 'agent'));
  await eventually(
    () => callTool('tools/list'),
    ({ text }) => text.includes('mail__send'),
    20_000,
  );
}, 120_000);
afterAll(async () => {
  await house?.end();
  await tools?.close();
}, 60_000);

const callTool = (method: string, params: object = {}) =>
  agent.send('POST', '/mcp', { jsonrpc: '2.0', id: 1, method, params });
const hrefs = (page: Awaited<ReturnType<Browser['get']>>) =>
  page.all('a').map((one) => one.attrs.find(({ name }) => name === 'href')?.value ?? '');

/** As far as the provider, and what it answered; the browser has not brought it back yet. */
async function answered(window: Browser, login: string, path = '/me'): Promise<string> {
  const link = hrefs(await window.get(path)).find((href) => href.includes('/approve/sign-in/people')) ?? '';
  expect(link.startsWith(`${house.suite.endpoint}/`)).toBe(true);
  const left = await window.get(link.slice(house.suite.endpoint.length));
  const answer = new URL(await house.upstream.signIn(left.headers.get('location') ?? '', login));
  return answer.pathname + answer.search;
}

async function signedIn(login: string): Promise<Browser> {
  const window = openBrowser(house.suite.endpoint);
  const arrived = await window.get(await answered(window, login));
  expect([arrived.status, hrefs(arrived)]).toEqual([200, expect.arrayContaining(['/me'])]);
  return window;
}

const isSignedOut = async (window: Browser, path = '/me') =>
  (await window.get(path)).all('form').some((one) => one.attrs.some(({ value }) => value === '/approve/sign-in'));

async function tokensOf(client: string) {
  const it = house.flow({ client_id: client });
  const { json } = await house.redeem(it, (await house.allowed(it)).searchParams.get('code') ?? '');
  return json as { access_token: string; refresh_token: string };
}

/** Asks identity's own database. */
const query = async (sql: string) => {
  const client = new pg.Client({ connectionString: house.suite.postgres.adminUrl });
  await client.connect();
  try {
    await client.query('set search_path = sallyport_identity');
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
};

describe('people at the pages of console', () => {
  it('[console:person-sign-in] sign in at their provider, and are who its claims say', async () => {
    const robin = await signedIn('robin');
    expect((await robin.get('/me')).text).toContain('Signed in as robin@example.com (Member, tenant default)');
    house.upstream.people.set('kim', { sub: 'u-2', email: 'kim@example.com', groups: ['admins'] });
    const kim = await signedIn('kim');
    expect((await kim.get('/approve')).text).toContain('Signed in as kim@example.com (Admin, tenant default)');
    expect([...robin.cookies.values()].join()).not.toContain('robin');
  });

  it('[console:login-csrf] [console:session-fixation] take an answer of the provider in the browser that was sent, once, and get a new session by it', async () => {
    const window = openBrowser(house.suite.endpoint);
    const answer = await answered(window, 'robin');
    const stranger = openBrowser(house.suite.endpoint);
    expect((await stranger.get(answer)).status).toBe(403);
    expect(stranger.cookies.has('sallyport-person')).toBe(false);
    // The attempt used it up: nobody gets in by it any more.
    expect((await window.get(answer)).status).toBe(403);
    expect(await isSignedOut(window)).toBe(true);
    const robin = await signedIn('robin');
    const first = robin.cookies.get('sallyport-person') ?? '';
    const kim = openBrowser(house.suite.endpoint);
    kim.cookies.set('sallyport-person', first);
    await robin.post('/approve/sign-out', {
      csrf: (await robin.get('/me')).form('/approve/sign-out').fields.csrf ?? '',
    });
    // A planted cookie is of nobody, and of nobody else after the sign-in.
    const arrived = await kim.get(await answered(kim, 'kim'));
    expect([arrived.status, kim.cookies.get('sallyport-person') === first]).toEqual([200, false]);
  });

  it('[oauth:claims-carried] are in tokens of ours what the claims of their provider made them', async () => {
    const resource = `${house.suite.endpoint}/admin/v1`;
    house.suite.apply('notes', [{ ...NOTES, spec: { ...NOTES.spec, scopes: ['admin', 'mcp'] } }]);
    const it = house.flow({ client_id: 'notes', scope: 'admin', resource });
    const { json } = await eventually(
      async () => house.redeem(it, (await house.allowed(it, 'kim')).searchParams.get('code') ?? '', { resource }),
      ({ status }) => status === 200,
    );
    const answer = await httpClient(house.suite.endpoint, String(json?.access_token)).get('/admin/v1/whoami');
    expect(answer.json()).toMatchObject({
      id: 'user:kim@example.com',
      role: 'Admin',
      teams: ['admins'],
      client: 'notes',
    });
  });

  it('[console:person-session] end when nobody used them for half an hour, and after eight hours in any case', async () => {
    for (const change of [`used_at = now() - interval '31 minutes'`, `expires_at = now() - interval '1 second'`]) {
      const kim = await signedIn('kim');
      const lasting = `select max(expires_at - started_at) = interval '8 hours' as eight from browser_sessions`;
      expect((await query(lasting))[0]?.eight).toBe(true);
      await query(`update browser_sessions set ${change}`);
      expect(await isSignedOut(kim)).toBe(true);
    }
  });

  it('[console:person-session] decide with the teams that they have now', async () => {
    const robin = await signedIn('robin');
    const call = callTool('tools/call', { name: 'mail__send', arguments: { to: 'someone@example.org' } });
    const waiting = () => robin.get('/approve').then(hrefs);
    const links = await eventually(waiting, (all) => all.some((href) => /^\/approve\/[^/]+$/.test(href)), 10_000);
    const link = links.find((href) => /^\/approve\/[^/]+$/.test(href)) ?? '';
    const { fields } = (await robin.get(link)).form(link);
    house.upstream.people.set('robin', { sub: 'u-1', email: 'robin@example.com', groups: [] });
    await signedIn('robin');
    expect((await robin.post(link, { ...fields, decision: 'approve' })).status).toBe(404);
    house.upstream.people.set('robin', { sub: 'u-1', email: 'robin@example.com', groups: ['desk'] });
    await signedIn('robin');
    expect((await robin.post(link, { ...fields, decision: 'approve' })).status).toBe(303);
    expect((await call).text).toContain('sent');
    expect(tools.calls).toEqual([{ name: 'send', arguments: { to: 'someone@example.org' } }]);
  }, 20_000);

  it('[console:own-forms] [oauth:consent-withdrawn] take back what an application may, and its tokens end within a second', async () => {
    const { access_token: token, refresh_token: refresh } = await tokensOf('editor');
    expect(await house.listTools(token)).toBe(200);
    const robin = await signedIn('robin');
    const page = await robin.get('/me');
    expect(page.text).toContain('The editor');
    const fields = { csrf: page.form('/me/applications/withdraw').fields.csrf ?? '', client: 'editor' };
    const startedAt = performance.now();
    expect((await robin.post('/me/applications/withdraw', fields)).headers.get('location')).toBe('/me?done=withdrawn');
    await house.untilRefused(() => house.listTools(token));
    expect(performance.now() - startedAt).toBeLessThan(ENDED_WITHIN_MS);
    const again = await house.post('/token', {
      grant_type: 'refresh_token',
      client_id: 'editor',
      refresh_token: refresh,
    });
    expect(again.json).toMatchObject({ error: 'invalid_grant' });
    expect((await robin.get('/me')).text).not.toContain('The editor');
    // They are asked anew.
    expect((await house.signedIn(house.flow()))[1].markup).toContain('Allow The editor to act for you?');
  }, 20_000);

  it('[console:sign-out] sign out, and what the browser held is of nobody', async () => {
    const robin = await signedIn('robin');
    const held = robin.cookies.get('sallyport-person') ?? '';
    const { csrf = '' } = (await robin.get('/me')).form('/approve/sign-out').fields;
    expect((await robin.post('/approve/sign-out', { csrf })).status).toBe(303);
    robin.cookies.set('sallyport-person', held);
    expect(await isSignedOut(robin)).toBe(true);
  });

  it('[oauth:client-ended] lose the tokens of a client that is disabled or deleted, also when one of its name comes back', async () => {
    const first = await tokensOf('notes');
    expect(await house.listTools(first.access_token)).toBe(200);
    house.suite.apply('notes', [{ ...NOTES, spec: { ...NOTES.spec, disabled: true } }]);
    await house.untilRefused(() => house.listTools(first.access_token));
    house.suite.apply('notes', [NOTES]);
    const refresh = () =>
      house.post('/token', { grant_type: 'refresh_token', client_id: 'notes', refresh_token: first.refresh_token });
    // Its client is there again, so what is refused is the token.
    await eventually(refresh, ({ json }) => json?.error === 'invalid_grant');
    const second = await tokensOf('notes');
    house.suite.remove('notes');
    await house.untilRefused(() => house.listTools(second.access_token));
    house.suite.apply('notes', [NOTES]);
    await eventually(
      () => house.listTools(second.access_token),
      (status) => status === 401,
    );
  }, 20_000);

  it('[console:person-session] are gone within a second when they are, and do not come back with their name', async () => {
    const robin = await signedIn('robin');
    await query(`update users set active = false where name = 'robin@example.com'`);
    const startedAt = performance.now();
    await eventually(
      () => isSignedOut(robin),
      (out) => out,
      ENDED_WITHIN_MS,
    );
    expect(performance.now() - startedAt).toBeLessThan(ENDED_WITHIN_MS);
    await query(`update users set active = true where name = 'robin@example.com'`);
    expect(await isSignedOut(robin)).toBe(true);
    // What was done here was written down for audit, which has all of it by now.
    await eventually(
      async () => (await query('select count(*)::int as count from record_outbox'))[0]?.count as number,
      (count) => count === 0,
    );
  });
});
