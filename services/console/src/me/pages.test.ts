import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, openBrowser } from '../testing/browser.ts';
import { testConsole } from '../testing/console.ts';

let suite: Awaited<ReturnType<typeof testConsole>>;
let browser: Browser;
beforeAll(async () => {
  suite = await testConsole();
});
beforeEach(() => {
  suite.approvals.clear();
  suite.addKeys();
  suite.calls.length = 0;
  suite.committed.length = 0;
  suite.people.held.clear();
  suite.state.tools = ['*/*'];
  suite.state.failing = undefined;
  browser = openBrowser(suite.url);
  browser.cookies.set('sallyport-person', suite.people.signIn('alice'));
});
afterAll(() => suite.close());

const asked = (method: string) => suite.calls.filter((one) => one.method === method).map(({ request }) => request);

describe("a person's own page", () => {
  it('[console:own-page] shows what acts for them, each part under a heading, without scripts', async () => {
    suite.approvals.put({ id: 'a1', approverUsers: ['alice'] });
    const page = await browser.get('/me');
    expect([page.status, page.all('script'), page.all('h1').length]).toEqual([200, [], 1]);
    for (const text of [
      'One approval waits',
      'The <editor>',
      'desk',
      'user:alice/openai#1',
      'bot',
      'This browser',
      'https://idp.example',
    ]) {
      expect(page.text).toContain(text);
    }
    for (const section of page.all('section')) {
      const label = section.attrs.find(({ name }) => name === 'aria-labelledby')?.value ?? '';
      expect(page.byId(label)?.tagName).toBe('h2');
    }
    const buttons = page.all('button').map((one) => page.text.length && one);
    expect(buttons.length).toBeGreaterThan(3);
    expect(asked('listConsents')).toEqual([{ tenant: 'acme', user: 'alice' }]);
    expect(asked('listConnections')).toEqual([{ tenant: 'acme', user: 'alice' }]);
    // Keys of others that a peer answered with are not theirs to see.
    expect(page.text).not.toContain('approver');
  });

  it('[console:own-page] leaves out what cannot be told now, and nothing else', async () => {
    suite.clients.consents.listConsents = () => Promise.reject(new Error('away'));
    const page = await browser.get('/me');
    expect(page.text).toContain('This cannot be shown now.');
    expect(page.text).toContain('desk');
  });

  it('[console:own-servers] names tool servers that they may use, and those that they have connected', async () => {
    suite.state.tools = ['other/*'];
    const page = await browser.get('/me');
    expect(page.text).toContain('mail');
    expect(page.text).not.toContain('desk');
    expect((await browser.get('/me/connect/desk')).status).toBe(404);
    const csrf = await browser.csrf();
    expect((await browser.post('/me/connect/desk', { csrf })).status).toBe(404);
    expect(asked('begin')).toEqual([]);
    suite.state.tools = ['desk/read'];
    expect((await browser.get('/me')).text).toContain('Connect desk');
  });

  it('[console:own-servers] says that it cannot tell while policy is away, and lets what is connected be disconnected', async () => {
    const { resolveAccess } = suite.clients.access;
    suite.clients.access.resolveAccess = () => Promise.reject(new Error('away'));
    const page = await browser.get('/me');
    expect(page.text).not.toContain('desk');
    expect(page.form('/me/connections/disconnect').fields.server).toBe('mail');
    suite.clients.access.resolveAccess = resolveAccess;
  });

  it('[console:own-page] is for people: others sign in first, and a key of nobody sees nothing', async () => {
    const stranger = openBrowser(suite.url);
    const page = await stranger.get('/me');
    expect(page.form('/approve/sign-in').fields.next).toBe('/me');
    const entered = await stranger.post('/approve/sign-in', { ...page.form('/approve/sign-in').fields, key: 'admin' });
    expect(entered.headers.get('location')).toBe('/me');
    expect((await stranger.get('/me')).text).toContain('acts for no person');
    const csrf = await stranger.csrf();
    expect((await stranger.post('/me/applications/withdraw', { csrf, client: 'editor' })).status).toBe(403);
    expect(asked('withdrawConsent')).toEqual([]);
  });

  it.each([
    ['/me/applications/withdraw', { client: 'editor' }, 'withdrawConsent', 'consents.withdraw'],
    ['/me/connections/disconnect', { server: 'mail' }, 'disconnect', 'connections.disconnect'],
    ['/me/sign-ins/forget', { provider: 'people' }, 'disconnect', 'sign-ins.forget'],
    ['/me/keys/revoke', { id: 'bot' }, 'revoke', 'keys.revoke'],
    ['/me/sessions/end', { id: 's7' }, 'endSession', 'sessions.end'],
    [
      '/me/credentials',
      { kind: 'ModelProvider', resource: 'openai', value: 'sk-canary' },
      'putOwned',
      'credentials.put',
    ],
    ['/me/credentials/remove', { kind: 'ModelProvider', resource: 'openai' }, 'removeOwned', 'credentials.remove'],
  ])(
    '[console:own-forms] %s does it for the person alone, recorded before and after, by their own form only',
    async (path, fields, method, action) => {
      const csrf = await browser.csrf();
      for (const [form, headers] of [
        [{ ...fields, csrf: 'x' }, {}],
        [fields, {}],
        [{ ...fields, csrf }, { 'sec-fetch-site': 'cross-site' }],
      ] as const) {
        expect((await browser.post(path, form as never, headers)).status).toBe(403);
      }
      expect((await browser.get(path)).status).toBe(404);
      expect(asked(method)).toEqual([]);
      const done = await browser.post(path, { ...fields, csrf } as never);
      expect([done.status, done.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/me\?done=[a-z]+$/)]);
      expect(
        (await browser.get(done.headers.get('location') as string))
          .all('p')
          .some((one) => one.attrs.some(({ value }) => value === 'notice')),
      ).toBe(true);
      expect(asked(method)).toHaveLength(1);
      expect(JSON.stringify(asked(method))).toContain('acme');
      const details = suite.committed.map(
        ({ detailJson }) => JSON.parse(detailJson) as { action: string; phase: string },
      );
      expect(details.map(({ action: what, phase }) => [what, phase])).toEqual([
        [action, 'intent'],
        [action, 'outcome'],
      ]);
      expect(JSON.stringify([suite.lines, details])).not.toContain('sk-canary');
    },
  );

  it.each([
    ['/me/credentials', { kind: 'Secret', resource: 'openai', value: 'sk' }],
    ['/me/credentials', { kind: 'ModelProvider', resource: 'openai', value: '' }],
    ['/me/credentials', { kind: 'ModelProvider', resource: 'openai', value: 'x'.repeat(16_385) }],
    ['/me/credentials/remove', { kind: 'Secret', resource: 'openai' }],
    ['/me/connections/disconnect', {}],
  ])('[console:own-forms] %s refuses what names nothing, or another kind of thing', async (path, fields) => {
    const csrf = await browser.csrf();
    suite.calls.length = 0;
    expect((await browser.post(path, { ...fields, csrf } as never)).status).toBe(400);
    for (const method of ['putOwned', 'removeOwned', 'disconnect']) expect(asked(method)).toEqual([]);
  });

  it('[console:own-forms] shows a form for kinds of resources that take a key of a person, and no other', async () => {
    expect((await browser.get('/me/credentials/ModelProvider/openai')).form('/me/credentials')).toBeDefined();
    expect((await browser.get('/me/credentials/Secret/openai')).status).toBe(404);
  });

  it('[console:own-forms] ends no key of somebody else', async () => {
    const csrf = await browser.csrf();
    expect((await browser.post('/me/keys/revoke', { csrf, id: 'second' })).status).toBe(404);
    expect(asked('revoke')).toEqual([]);
  });
});

describe('connecting a tool server', () => {
  it('[console:connect] asks on a page of its own, begins by a form, and leads on by a link', async () => {
    const page = await browser.get('/me/connect/desk?scopes=read%20write');
    expect(page.text).toContain('https://desk.example:443 alone');
    expect(asked('begin')).toEqual([]);
    const { fields } = page.form('/me/connect/desk');
    const left = await browser.post('/me/connect/desk', fields);
    expect(left.all('a').map((one) => one.attrs.find(({ name }) => name === 'href')?.value)).toContain(
      'https://as.example/authorize?a=1&b=2',
    );
    expect(asked('begin')).toEqual([{ tenant: 'acme', user: 'alice', server: 'desk', scopes: ['read', 'write'] }]);
    expect((await browser.get('/me/connect/other')).status).toBe(404);
  });

  it('[console:connect] ends it with what the authorization server said, for who is signed in here', async () => {
    const from = { 'sec-fetch-site': 'cross-site' };
    const query = 'code=c%2F1&state=s1&iss=https%3A%2F%2Fas.example';
    // On the way from the other site the browser holds the session back.
    const arrived = await openBrowser(suite.url).get(`/me/callback?${query}`, from);
    const again = arrived.all('a').map((one) => one.attrs.find(({ name }) => name === 'href')?.value ?? '');
    expect(again).toContain(`/me/callback?${query}&arrived=yes`);
    expect(asked('complete')).toEqual([]);
    const done = await browser.get(`/me/callback?${query}&arrived=yes`, from);
    expect(done.headers.get('location')).toBe('/me?done=connected');
    expect(asked('complete')).toEqual([
      {
        tenant: 'acme',
        user: 'alice',
        state: 's1',
        code: 'c/1',
        issuer: 'https://as.example',
        error: '',
        callback: '',
      },
    ]);
    await browser.get(`/me/callback/of-one?${query}`);
    expect(asked('complete').at(-1)).toMatchObject({ state: 's1', callback: 'of-one' });
    expect((await browser.get('/me/callback?state=a&state=b')).status).toBe(400);
    expect(JSON.stringify(suite.committed)).not.toContain('c/1');
  });

  it('[console:connect] leads nowhere but to the web, whatever a tool server names', async () => {
    const { fields } = (await browser.get('/me/connect/desk')).form('/me/connect/desk');
    const { begin } = suite.clients.connections;
    suite.clients.connections.begin = async () =>
      ({ authorizationUrl: 'javascript:alert(1)//https://as.example', issuer: 'https://as.example' }) as never;
    const left = await browser.post('/me/connect/desk', fields);
    suite.clients.connections.begin = begin;
    expect([left.status, left.markup.includes('javascript:')]).toEqual([502, false]);
  });

  it('[console:connect] says that it cannot tell, and not that there is none, while policy is away', async () => {
    const { resolveAccess } = suite.clients.access;
    const { listConnections } = suite.clients.connections;
    suite.clients.access.resolveAccess = () => Promise.reject(new Error('away'));
    suite.clients.connections.listConnections = async () => ({ connections: [], signIns: [] }) as never;
    const status = (await browser.get('/me/connect/desk')).status;
    Object.assign(suite.clients.access, { resolveAccess });
    Object.assign(suite.clients.connections, { listConnections });
    expect(status).toBe(503);
  });

  it('[console:connect] ends nothing for an answer that names no sign-in', async () => {
    const back = await browser.get('/me/callback?code=c');
    expect([back.status, back.headers.get('location')]).toEqual([303, '/me']);
    expect(asked('complete')).toEqual([]);
  });

  it('[console:connect] says who it is as a client, at the URL that is its id', async () => {
    const answer = await fetch(`${suite.url}/me/client.json`);
    expect(await answer.json()).toMatchObject({
      client_id: 'https://gate.example/me/client.json',
      redirect_uris: ['https://gate.example/me/callback'],
      token_endpoint_auth_method: 'none',
    });
    const id = 'a'.repeat(22);
    const own = await (await fetch(`${suite.url}/me/client/${id}.json`)).json();
    expect(own).toMatchObject({
      client_id: `https://gate.example/me/client/${id}.json`,
      redirect_uris: [`https://gate.example/me/callback/${id}`],
    });
    expect((await fetch(`${suite.url}/me/client/other.json`)).status).toBe(404);
  });
});
