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
  suite.people.held.clear();
  suite.people.state.away = false;
  browser = openBrowser(suite.url);
});
afterAll(() => suite.close());

const decided = () => suite.approvals.asked.filter(({ method }) => method === 'decideApproval');
const begun = () => suite.calls.filter(({ method }) => method === 'beginSignIn').map(({ request }) => request);

describe('signing in at an identity provider', () => {
  it('[console:person-sign-in] leads to the provider of the namespace with what binds the answer to this browser', async () => {
    const asked = await browser.get('/approve/a1');
    const link = asked.all('a').map((one) => one.attrs.find(({ name }) => name === 'href')?.value);
    const path = link.find((one) => one?.startsWith('/approve/sign-in/')) ?? '';
    expect(asked.text).toContain('Sign in with people');
    const left = await browser.get(path);
    expect([left.status, left.headers.get('location')]).toEqual([303, 'https://idp.example/authorize?state=s']);
    expect(browser.setCookies).toContain('sallyport-oauth-sign-in=b; Path=/oauth');
    expect(begun()).toEqual([{ tenant: 'acme', provider: 'people', page: '/approve/a1' }]);
  });

  it.each([
    ['without the cookie of the page', {}, false],
    ['from another site', { 'sec-fetch-site': 'cross-site' }, true],
  ])('[console:login-csrf] begins nothing %s', async (_name, headers, asked) => {
    if (asked) await browser.get('/approve');
    const answer = await browser.get('/approve/sign-in/people?tenant=acme&next=/approve', headers);
    expect(answer.status).toBe(200);
    expect(answer.form('/approve/sign-in')).toBeDefined();
    expect(begun()).toEqual([]);
  });

  it.each(['//evil.example', 'https://evil.example', '/admin/v1', '/approve/../admin', '/me/%2e%2e'])(
    '[console:person-sign-in] leads on to no page but ours: %s',
    async (next) => {
      await browser.get('/approve');
      await browser.get(`/approve/sign-in/people?${new URLSearchParams({ tenant: 'acme', next })}`);
      expect(begun()).toEqual([{ tenant: 'acme', provider: 'people', page: '/approve' }]);
    },
  );

  it('[console:person-sign-in] leads back to the scopes that a page to connect is for, by key and for another namespace too', async () => {
    const page = '/me/connect/mail?scopes=mail%3Aread+mail%3Asend';
    const asked = await browser.get(`${page}&arrived=yes`);
    expect(asked.form('/approve/sign-in').fields.next).toBe(page);
    expect(asked.form('/me/connect/mail').fields).toEqual({ scopes: 'mail:read mail:send', tenant: 'acme' });
    await browser.get(`/approve/sign-in/people?${new URLSearchParams({ tenant: 'acme', next: page })}`);
    expect(begun()).toEqual([{ tenant: 'acme', provider: 'people', page }]);
    for (const odd of ['scopes=a&scopes=b', `scopes=${'a'.repeat(3_000)}`, 'scopes=']) {
      const other = await browser.get(`/me/connect/mail?${odd}`);
      expect(other.form('/approve/sign-in').fields.next).toBe('/me/connect/mail');
    }
  });

  it('[console:person-sign-in] shows the providers of another namespace to who names it', async () => {
    const asked = await browser.get('/approve/a1');
    expect(asked.form('/approve/a1').fields).toEqual({ tenant: 'acme' });
    const other = await browser.get('/approve/a1?tenant=globex');
    expect(other.text).toContain('For the namespace globex');
    expect((await browser.get('/approve/a1?tenant=%3Cb%3E')).text).toContain('For the namespace acme');
  });

  it('shows the form for a key where providers cannot be told', async () => {
    suite.people.state.away = true;
    const asked = await browser.get('/approve');
    expect(asked.form('/approve/sign-in')).toBeDefined();
    expect(asked.text).not.toContain('Sign in with people');
  });
});

describe('the session of a person', () => {
  it('[console:person-session] is asked for at each request, and decides with the teams of now', async () => {
    suite.approvals.put({ id: 'a1', approverTeams: ['legal'] });
    const cookie = suite.people.signIn('carol', { teams: ['legal'] });
    browser.cookies.set('sallyport-person', cookie);
    const page = await browser.get('/approve/a1');
    const { fields } = page.form('/approve/a1');
    const held = suite.people.held.get(cookie);
    if (held !== undefined) held.teams = [];
    const refused = await browser.get('/approve/a1');
    expect(refused.status === 404 || !refused.markup.includes('value="approve"')).toBe(true);
    if (held !== undefined) held.teams = ['legal'];
    expect((await browser.post('/approve/a1', { ...fields, decision: 'approve' })).status).toBe(303);
    expect(decided()).toHaveLength(1);
    suite.people.held.clear();
    expect((await browser.get('/approve/a1')).form('/approve/sign-in')).toBeDefined();
    expect((await browser.post('/approve/a1', { ...fields, decision: 'approve' })).status).toBe(403);
    expect(decided()).toHaveLength(1);
  });

  it('[console:approvals-own-key] may answer what was asked for by a token of the person, which is no token of this browser', async () => {
    const requester = { tenant: 'acme', id: 'user:carol', user: 'carol', client: 'editor' };
    suite.approvals.put({ id: 'a1', approverUsers: ['carol'], requester: { ...requester, sessionId: 'grant-1' } });
    suite.approvals.put({ id: 'a2', approverUsers: ['carol'], requester: { ...requester, sessionId: 's0' } });
    browser.cookies.set('sallyport-person', suite.people.signIn('carol'));
    const csrf = await browser.csrf();
    // Whether a requester may say yes is for policy to say; console holds back what asked only.
    expect((await browser.post('/approve/a1', { csrf, decision: 'approve' })).status).toBe(303);
    expect((await browser.post('/approve/a2', { csrf, decision: 'approve' })).status).toBe(403);
    expect(decided()).toHaveLength(1);
  });

  it('[console:person-session] says that it is not available while identity is away, never that nobody is signed in', async () => {
    browser.cookies.set('sallyport-person', suite.people.signIn('carol'));
    suite.people.state.away = true;
    const away = await browser.get('/approve');
    expect([away.status, away.text.includes('Sign in')]).toEqual([503, false]);
  });

  it('[console:session-fixation] takes no form token of another session, nor of the page before the sign-in', async () => {
    suite.approvals.put({ id: 'a1', approverTeams: ['legal'] });
    const planted = (await browser.get('/approve')).form('/approve/sign-in').fields.csrf as string;
    browser.cookies.set('sallyport-person', suite.people.signIn('carol', { teams: ['legal'] }));
    for (const csrf of [planted, 'form token of s9', '']) {
      expect((await browser.post('/approve/a1', { csrf, decision: 'approve' })).status).toBe(403);
    }
    const site = { 'sec-fetch-site': 'cross-site' };
    const own = await browser.csrf();
    expect((await browser.post('/approve/a1', { csrf: own, decision: 'approve' }, site)).status).toBe(403);
    expect(decided()).toEqual([]);
  });

  it('[console:sign-out] ends in identity and in the browser at sign-out, and where somebody signs in with a key', async () => {
    browser.cookies.set('sallyport-person', suite.people.signIn('carol'));
    const left = await browser.post('/approve/sign-out', { csrf: await browser.csrf() });
    expect([left.status, browser.cookies.has('sallyport-person'), suite.people.held.size]).toEqual([303, false, 0]);
    browser.cookies.set('sallyport-person', suite.people.signIn('carol'));
    await browser.post('/approve/sign-in', { csrf: await browser.csrf(), next: '/me', key: 'approver' });
    expect([browser.cookies.has('sallyport-person'), suite.people.held.size]).toEqual([false, 0]);
    expect((await browser.get('/approve')).text).toContain('Signed in as carol');
  });

  it('[console:person-session] has no cookie that came over plain http count over https', async () => {
    browser.cookies.set('sallyport-person', suite.people.signIn('carol'));
    const asked = await browser.get('/approve', { 'x-forwarded-proto': 'https' });
    expect(asked.form('/approve/sign-in')).toBeDefined();
  });
});
