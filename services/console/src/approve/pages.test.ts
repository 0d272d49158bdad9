import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
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
  suite.committed.length = 0;
  Object.assign(suite.state, { identityDown: false, auditDown: false, failing: undefined, skewMs: 0 });
  browser = openBrowser(suite.url);
});
afterAll(() => suite.close());

const HTTPS = { 'x-forwarded-proto': 'https' };
const decided = () => suite.approvals.asked.filter(({ method }) => method === 'decideApproval');

describe('signing in', () => {
  it('takes a key, leads on to the approval of the link, and keeps no key', async () => {
    suite.approvals.put({ id: 'a1' });
    const asked = await browser.get('/approve/a1');
    expect(asked.status).toBe(200);
    expect(asked.text).not.toContain('bob@example.com');
    const { fields } = asked.form('/approve/sign-in');
    const entered = await browser.post('/approve/sign-in', { ...fields, key: 'admin' });
    expect([entered.status, entered.headers.get('location')]).toEqual([303, '/approve/a1']);
    expect((await browser.get('/approve/a1')).text).toContain('bob@example.com');
    for (const value of browser.cookies.values()) {
      expect(Buffer.from(value, 'base64url').toString('latin1')).not.toContain('admin');
    }
  });

  it('refuses a key that is none or not for this, and says so at the field', async () => {
    for (const [key, problem] of [
      ['nobody', 'not valid'],
      ['narrow', 'not for approvals'],
    ] as const) {
      const refused = await browser.signIn(key);
      expect(refused.status).toBe(403);
      expect(refused.text).toContain(problem);
      const [field] = refused.all('input').filter((one) => one.attrs.some(({ value }) => value === 'password'));
      expect(field?.attrs).toContainEqual({ name: 'aria-describedby', value: 'problem' });
    }
    expect((await browser.get('/approve')).form('/approve/sign-in')).toBeDefined();
  });

  it('leads nowhere but to an approval, whatever the form says', async () => {
    for (const next of ['//evil.example', 'https://evil.example', '../admin', 'a/b', 'a\r\nset-cookie: x=1']) {
      const { fields } = (await openBrowser(suite.url).get('/approve')).form('/approve/sign-in');
      const one = openBrowser(suite.url);
      const form = (await one.get('/approve')).form('/approve/sign-in').fields;
      expect(Object.keys(form)).toEqual(Object.keys(fields));
      const entered = await one.post('/approve/sign-in', { ...form, next, key: 'admin' });
      expect([entered.status, entered.headers.get('location')]).toEqual([303, '/approve']);
    }
  });

  it('[console:approve-cookie] keeps the session in a cookie that scripts and other sites never get', async () => {
    await browser.signIn('admin');
    expect(browser.setCookies).toHaveLength(1);
    expect(browser.setCookies[0]).toMatch(
      /^sallyport-session=[\w-]+; Max-Age=(1800|179\d); Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const secure = openBrowser(suite.url);
    const { fields } = (await secure.get('/approve', HTTPS)).form('/approve/sign-in');
    await secure.post('/approve/sign-in', { ...fields, key: 'admin' }, HTTPS);
    expect(secure.setCookies[0]).toMatch(
      /^__Host-sallyport-session=[\w-]+; Max-Age=(1800|179\d); Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
    // A cookie that came over plain http counts for nothing over https.
    secure.cookies.set('sallyport-session', browser.cookies.get('sallyport-session') as string);
    secure.cookies.delete('__Host-sallyport-session');
    expect((await secure.get('/approve', HTTPS)).form('/approve/sign-in')).toBeDefined();
  });

  it('[tokens:networks] takes a session of a key with networks for one only from there', async () => {
    const inside = { 'x-forwarded-for': '10.0.0.7' };
    const { fields } = (await browser.get('/approve', inside)).form('/approve/sign-in');
    await browser.post('/approve/sign-in', { ...fields, key: 'admin' }, inside);
    const spec = suite.keys.get('acme/admin')?.spec;
    if (spec !== undefined) spec.networks = ['10.0.0.0/8'];
    expect((await browser.get('/approve', inside)).text).toContain('Sign out');
    expect((await browser.get('/approve', { 'x-forwarded-for': '192.0.2.7' })).text).not.toContain('Sign out');
    suite.addKeys();
  });

  it('[console:approve-session-ends] ends after 30 minutes, at sign-out, and for a cookie that is altered or doubled', async () => {
    await browser.signIn('admin');
    const cookie = browser.cookies.get('sallyport-session') as string;
    suite.state.skewMs = 31 * 60_000;
    expect((await browser.get('/approve')).form('/approve/sign-in')).toBeDefined();
    suite.state.skewMs = 0;
    for (const value of [`${cookie.slice(0, -2)}AA`, 'x', `${cookie}; sallyport-session=${cookie}`]) {
      browser.cookies.clear();
      browser.cookies.set('sallyport-session', value);
      expect((await browser.get('/approve')).form('/approve/sign-in')).toBeDefined();
    }
    browser.cookies.set('sallyport-session', cookie);
    const left = await browser.post('/approve/sign-out', { csrf: await browser.csrf() });
    expect([left.status, browser.cookies.size]).toEqual([303, 0]);
  });

  it.each([
    ['revoked', { state: 'revoked' }],
    ['disabled', { state: 'disabled' }],
    ['expired', { state: 'expired' }],
    ['changed or given a new secret', { revision: 2 }],
  ])('[console:approve-session-ends] ends at once when its key is %s', async (_name, change) => {
    suite.approvals.put({ id: 'a1' });
    await browser.signIn('admin');
    const csrf = await browser.csrf();
    Object.assign(suite.keys.get('acme/admin') as object, change);
    expect((await browser.get('/approve/a1')).text).not.toContain('bob@example.com');
    await expect(browser.csrf()).rejects.toThrow('no form');
    expect((await browser.post('/approve/a1', { csrf, decision: 'approve' })).status).toBe(403);
    expect(decided()).toEqual([]);
  });

  it('says that it is not available when keys cannot be checked, and keeps the session', async () => {
    await browser.signIn('admin');
    const { get } = suite.keys;
    suite.keys.get = () => {
      throw new GatewayError('unavailable', 'away');
    };
    const away = await browser.get('/approve');
    suite.keys.get = get;
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await browser.get('/approve')).text).toContain('Nothing waits for you');
  });

  it('has a browser that comes from another site come again, since it holds its session back at first', async () => {
    suite.approvals.put({ id: 'a1' });
    await browser.signIn('admin');
    const cookie = new Map(browser.cookies);
    browser.cookies.clear();
    const arrived = await browser.get('/approve/a1', { 'sec-fetch-site': 'cross-site' });
    expect(arrived.all('meta').flatMap(({ attrs }) => attrs)).toContainEqual({
      name: 'content',
      value: '0; url=/approve/a1?arrived=yes',
    });
    expect(browser.setCookies).toEqual([]);
    for (const [name, value] of cookie) browser.cookies.set(name, value);
    const again = await browser.get('/approve/a1?arrived=yes', { 'sec-fetch-site': 'same-origin' });
    expect(again.text).toContain('bob@example.com');
    // A browser that tells of another site even then is asked to sign in, not sent round for ever.
    browser.cookies.clear();
    const asked = await browser.get('/approve/a1?arrived=yes', { 'sec-fetch-site': 'cross-site' });
    expect(asked.form('/approve/sign-in').fields.next).toBe('/approve/a1');
  });
});

describe('a link', () => {
  it('[console:approve-get-safe] changes nothing, whatever stands in it', async () => {
    suite.approvals.put({ id: 'a1' });
    await browser.signIn('admin');
    const csrf = await browser.csrf();
    for (const path of [`a1?decision=approve&csrf=${csrf}`, 'a1?endorse=/to', 'a1', 'a1?screen=-1', 'a1?screen=x']) {
      expect((await browser.get(`/approve/${path}`)).status).toBe(200);
    }
    expect(decided()).toEqual([]);
    expect(suite.committed).toEqual([]);
    expect((await suite.ask('admin', 'GET', '/approvals/a1')).body.state).toBe('pending');
  });

  it('[console:approvals-tenant] to an approval of another tenant or of others leads to nothing', async () => {
    suite.approvals.put({ id: 'a1', approverUsers: ['carol'] });
    for (const key of ['foreign', 'stranger']) {
      const one = openBrowser(suite.url);
      await one.signIn(key);
      const [theirs, none] = [await one.get('/approve/a1'), await one.get('/approve/none')];
      expect([theirs.status, theirs.markup]).toEqual([404, none.markup]);
      const posted = await one.post('/approve/a1', { csrf: await one.csrf(), decision: 'approve' });
      expect(posted.status).toBe(404);
    }
    expect(decided()).toEqual([]);
  });
});

describe('a form', () => {
  it('[console:approve-csrf] counts only with the session and its own token', async () => {
    suite.approvals.put({ id: 'a1' });
    await browser.signIn('admin');
    const csrf = await browser.csrf();
    const other = openBrowser(suite.url);
    await other.signIn('admin');
    const anonymous = openBrowser(suite.url);
    const before = (await anonymous.get('/approve')).form('/approve/sign-in').fields.csrf as string;
    const attempts: [string, Browser, string | string[], Record<string, string>][] = [
      ['no token', browser, [], {}],
      ['an empty token', browser, '', {}],
      ['a wrong token', browser, 'x'.repeat(csrf.length), {}],
      ['the token twice', browser, [csrf, csrf], {}],
      ['the token of another session of the same key', browser, await other.csrf(), {}],
      ['the token of a session without anybody', browser, before, {}],
      ['no session', openBrowser(suite.url), csrf, {}],
      ['a session without anybody', anonymous, before, {}],
      ['another site', browser, csrf, { 'sec-fetch-site': 'cross-site' }],
      ['a neighbour site', browser, csrf, { 'sec-fetch-site': 'same-site' }],
    ];
    for (const [name, who, token, headers] of attempts) {
      const answer = await who.post('/approve/a1', { csrf: token, decision: 'approve' }, headers);
      expect([name, answer.status >= 400 && answer.status < 500]).toEqual([name, true]);
    }
    expect(decided()).toEqual([]);
    const headers = { 'sec-fetch-site': 'same-origin' };
    expect((await browser.post('/approve/a1', { csrf, decision: 'approve' }, headers)).status).toBe(303);
    expect(decided()).toHaveLength(1);
  });

  it('[console:approve-csrf] to sign in or out needs a token too', async () => {
    expect((await browser.post('/approve/sign-in', { key: 'admin' })).status).toBe(403);
    await browser.signIn('admin');
    expect((await browser.post('/approve/sign-out', {})).status).toBe(403);
    expect((await browser.get('/approve')).text).toContain('Sign out');
  });

  it('[console:approve-csrf] of another type of body is refused, so that no other page can send it', async () => {
    suite.approvals.put({ id: 'a1' });
    await browser.signIn('admin');
    const csrf = await browser.csrf();
    for (const type of ['text/plain', 'multipart/form-data', 'application/json']) {
      const answer = await browser.post('/approve/a1', { csrf, decision: 'approve' }, { 'content-type': type });
      expect(answer.status).toBe(415);
    }
    expect(decided()).toEqual([]);
  });
});

describe('a decision on the page', () => {
  const opened = async (init: Parameters<typeof suite.approvals.put>[0] = { id: 'a1' }, key = 'admin') => {
    suite.approvals.put(init);
    await browser.signIn(key);
    const shown = await browser.get('/approve/a1');
    return { shown, fields: shown.form('/approve/a1').fields };
  };

  it('approves once, and shows it after', async () => {
    const { fields } = await opened();
    const sent = await browser.post('/approve/a1', { ...fields, note: 'yes', decision: 'approve' });
    expect([sent.status, sent.headers.get('location')]).toEqual([303, '/approve/a1']);
    expect(decided()[0]?.request).toMatchObject({ approve: true, endorse: [], endorseUntilMs: 0, note: 'yes' });
    const after = await browser.get('/approve/a1');
    expect(after.text).toContain('Approved, not used yet');
    expect(after.text).toContain('Approved by key:admin');
    expect(() => after.form('/approve/a1')).toThrow();
  });

  it('approves and remembers the ticked values until the end of a day', async () => {
    const { shown, fields } = await opened();
    expect(shown.form('/approve/a1').checkboxes).toEqual(['%2Fto']);
    expect(fields.until).toMatch(/^\d{4}-\d\d-\d\d$/);
    await browser.post('/approve/a1', { ...fields, decision: 'remember', endorse: ['%2Fto'] });
    expect(decided()[0]?.request).toMatchObject({
      endorse: ['/to'],
      endorseUntilMs: Date.parse(`${fields.until}T23:59:59.999Z`),
    });
  });

  it('ignores ticks where the button says once, and rejects', async () => {
    const { fields } = await opened();
    await browser.post('/approve/a1', { ...fields, decision: 'reject', endorse: ['/to'] });
    expect(decided()[0]?.request).toMatchObject({ approve: false, endorse: [] });
    expect((await browser.get('/approve/a1')).text).toContain('Rejected');
  });

  it.each([
    ['no button', {}],
    ['a button that is none', { decision: 'maybe' }],
    ['nothing ticked', { decision: 'remember' }],
    ['a date that is none', { decision: 'remember', endorse: '/to', until: 'soon' }],
    ['a day that has passed', { decision: 'remember', endorse: '/to', until: '2020-01-01' }],
    ['a day too far', { decision: 'remember', endorse: '/to', until: '2999-01-01' }],
    ['a value that is not there', { decision: 'remember', endorse: '/cc' }],
  ])('says what is wrong with %s on the page itself', async (_name, change) => {
    const { fields } = await opened();
    const answer = await browser.post('/approve/a1', { ...fields, ...change });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('Nothing was decided.');
    expect((await suite.ask('admin', 'GET', '/approvals/a1')).body.state).toBe('pending');
  });

  it('[console:approvals-conflict] tells a person who comes second how it stands', async () => {
    const { fields } = await opened();
    suite.approvals.put({
      id: 'a1',
      state: ApprovalState.REJECTED,
      words: [{ user: 'user:carol', approve: false, atMs: Date.now() }],
    });
    const answer = await browser.post('/approve/a1', { ...fields, decision: 'approve' });
    expect(answer.status).toBe(409);
    expect(answer.text).toContain('Your decision was not taken');
    expect(answer.text).toContain('Rejected by carol');
  });

  it('[console:approve-states] takes no decision after the end, and says that it has expired', async () => {
    const { fields } = await opened();
    suite.approvals.put({ id: 'a1', expiresAtMs: Date.now() - 1 });
    expect((await browser.post('/approve/a1', { ...fields, decision: 'approve' })).status).toBe(409);
    const shown = await browser.get('/approve/a1');
    expect(shown.text).toContain('Expired: nobody decided in time');
    expect(() => shown.form('/approve/a1')).toThrow();
  });

  it('[console:break-glass] lets an Admin decide for others with a note, and nobody without one', async () => {
    const { shown, fields } = await opened({ id: 'a1', approverUsers: ['carol'] });
    expect(shown.text).toContain('Break the glass');
    expect(fields).toMatchObject({ 'break-glass': 'yes', note: '' });
    expect((await browser.post('/approve/a1', { ...fields, decision: 'approve' })).status).toBe(400);
    expect((await browser.post('/approve/a1', { ...fields, note: 'fire', decision: 'approve' })).status).toBe(303);
    expect((await browser.get('/approve/a1')).text).toContain('breaking the glass: “fire”');
  });

  it('[console:approvals-roles] offers buttons to approvers only', async () => {
    suite.approvals.put({ id: 'a1', approverUsers: ['carol', 'alice'] });
    for (const [key, buttons] of Object.entries({
      auditor: [],
      approver: ['approve', 'remember', 'reject'],
      // The key that asked may say no, not yes.
      bot: ['reject'],
    })) {
      const one = openBrowser(suite.url);
      await one.signIn(key);
      const shown = await one.get('/approve/a1');
      const offered = shown.all('button').flatMap(({ attrs }) => attrs.filter(({ name }) => name === 'value'));
      expect([key, offered.map(({ value }) => value)]).toEqual([key, buttons]);
      if (key === 'approver') continue;
      const sent = await one.post('/approve/a1', { csrf: await one.csrf(), decision: 'approve' });
      expect([key, sent.status]).toEqual([key, 403]);
    }
  });

  it('[console:no-audit-no-change] is not taken when it cannot be recorded', async () => {
    const { fields } = await opened();
    suite.state.auditDown = true;
    const answer = await browser.post('/approve/a1', { ...fields, decision: 'approve' });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(decided()).toEqual([]);
  });
});

describe('every page', () => {
  it('[console:approve-headers] is framed by nobody, loads nothing from elsewhere, runs no script and is not kept', async () => {
    suite.approvals.put({ id: 'a1' });
    const anonymous = await browser.get('/approve/a1');
    await browser.signIn('admin');
    const pages = [
      anonymous,
      await browser.get('/approve'),
      await browser.get('/approve/a1'),
      await browser.get('/approve/none'),
      await browser.get('/approve/%ff'),
      await browser.get('/approve/a/b'),
      await browser.post('/approve/a1', {}),
    ];
    for (const { headers, markup, all } of pages) {
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      );
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('same-origin');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect([all('script'), all('iframe'), all('style'), all('img')].flat()).toEqual([]);
      expect(markup).not.toMatch(/ (style|on\w+)=/);
    }
    const style = await browser.get('/approve/style.css');
    expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
  });

  it('tells errors as pages, without internals', async () => {
    await browser.signIn('admin');
    suite.approvals.put({ id: 'a1', argumentsJson: 'no json' });
    const broken = await browser.get('/approve/a1');
    expect(broken.status).toBe(500);
    expect(broken.text).toContain('An internal error happened.');
    expect(broken.text).not.toContain('JSON');
  });
});
