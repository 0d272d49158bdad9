import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { run as approvalsCommand } from '@sallyport/cli/commands/approvals';
import { type Browser, openBrowser } from '../../services/console/src/testing/browser.ts';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { says } from '../fakes/tool-answers.ts';
import { type FakeToolServer, startFakeToolServer } from '../fakes/tool-server.ts';
import { type HttpAnswer, type HttpClient, httpClient } from '../support/http-client.ts';
import { eventually, openHouse, PROVIDER_KEY, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

const TO = 'someone@example.org';
/** DESIGN section 8: a revocation reaches every replica within one second. */
const REVOKED_WITHIN_MS = 1_000;

interface ApprovalView {
  readonly id: string;
  readonly trajectory: string;
  readonly tool: string;
  readonly arguments: Record<string, unknown>;
  readonly values: { path: string; value: unknown; origin: string; asked: boolean }[];
  readonly state: string;
}

let provider: FakeProvider;
let tools: FakeToolServer;
let suite: TestSuite;
let agent: HttpClient;
let admin: HttpClient;
let keys: Record<'carol' | 'eve' | 'mallory', string>;
const turns: Promise<HttpAnswer>[] = [];

const key = (name: string, fields: object = {}, namespace?: string): ResourceInit => ({
  kind: 'VirtualKey',
  name,
  ...(namespace === undefined ? {} : { namespace }),
  spec: { owner: name, targetSecret: { name: `${name}-key`, key: 'key' }, ...fields },
});

beforeAll(async () => {
  provider = await startFakeProvider({ key: PROVIDER_KEY });
  tools = await startFakeToolServer({ tools: [{ name: 'send', run: says('sent') }] });
  suite = await suiteWith(
    [
      ...openHouse(provider, ['actor']),
      key('carol'),
      key('eve'),
      key('mallory', { role: 'Admin' }, 'globex'),
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
          calls: [{ name: 'strangers', when: '!known(args.to)', action: 'Ask', reason: 'Nobody vouches for it.' }],
          approvers: { users: ['carol'] },
        },
      },
    ],
    // Two of it: a session holds on both.
    { replicas: { console: 2 } },
  );
  const [carol, eve, mallory] = await Promise.all([
    suite.keyOf('default', 'carol'),
    suite.keyOf('default', 'eve'),
    suite.keyOf('globex', 'mallory'),
  ]);
  keys = { carol, eve, mallory };
  agent = httpClient(suite.endpoint, suite.key);
  admin = httpClient(suite.endpoint, suite.adminKey);
  provider.script('actor', { text: 'ready' });
  await eventually(
    () => agent.chat('actor', { tools: [{ type: 'mcp', server_label: 'mail' }] }),
    ({ status }) => status === 200,
    30_000,
  );
}, 120_000);

beforeEach(() => {
  tools.calls.length = 0;
});
afterEach(async () => {
  await Promise.allSettled(turns.splice(0));
});
afterAll(async () => {
  await suite?.end();
  await Promise.all([provider?.close(), tools?.close()]);
}, 30_000);

/** Lets the agent send a mail; the turn goes on while a person is asked. */
function sendMail(args: object): Promise<HttpAnswer> {
  provider.script('actor', ({ json }) =>
    (json.messages as { role: string }[]).some(({ role }) => role === 'tool')
      ? { text: 'All done.' }
      : { toolCalls: [{ name: 'mail__send', arguments: { ...args } }] },
  );
  const turn = agent.chat('actor', {
    messages: [{ role: 'user', content: 'Tell them the news.' }],
    tools: [{ type: 'mcp', server_label: 'mail' }],
  });
  turns.push(turn);
  return turn;
}

const pending = async (client = admin) =>
  (await client.get('/admin/v1/approvals?state=pending')).json<ApprovalView[]>();

async function theOneThatWaits(): Promise<ApprovalView> {
  const [found] = await eventually(
    () => pending(),
    (all) => all.length === 1,
    15_000,
  );
  return found as ApprovalView;
}

async function signedIn(secret: string): Promise<Browser> {
  const browser = openBrowser(suite.endpoint);
  expect((await browser.signIn(secret)).status).toBe(303);
  return browser;
}

describe('a call that waits for a person', () => {
  it('[console:approvals-array] is listed as the contract says, and one look at the link changes nothing', async () => {
    sendMail({ to: TO, body: '<script>alert(1)</script>' });
    const found = await theOneThatWaits();
    expect(found).toMatchObject({
      tool: 'mail__send',
      arguments: { to: TO, body: '<script>alert(1)</script>' },
      state: 'pending',
    });
    expect(found.values.find(({ path }) => path === '/to')).toMatchObject({ value: TO, asked: true });
    for (const [who, count] of [
      [keys.carol, 1],
      [keys.eve, 0],
      [keys.mallory, 0],
    ] as const) {
      expect(await pending(httpClient(suite.endpoint, who))).toHaveLength(count);
    }
    const carol = await signedIn(keys.carol);
    const page = await carol.get(`/approve/${found.id}`);
    expect([page.status, page.all('script')]).toEqual([200, []]);
    expect(page.text).toContain(TO);
    expect(page.text).toContain('<script>alert(1)</script>');
    expect(page.text).toContain('dana');
    expect((await theOneThatWaits()).state).toBe('pending');
    expect(tools.calls).toEqual([]);
    const { fields } = page.form(`/approve/${found.id}`);
    await carol.post(`/approve/${found.id}`, { ...fields, decision: 'reject' });
  });

  it('[console:approve-states] is made once after the approver said yes on the page, and the page tells so', async () => {
    const turn = sendMail({ to: TO, body: 'Hello' });
    const { id, trajectory } = await theOneThatWaits();
    const carol = await signedIn(keys.carol);
    const { fields } = (await carol.get(`/approve/${id}`)).form(`/approve/${id}`);
    expect((await carol.post(`/approve/${id}`, { ...fields, decision: 'approve' })).status).toBe(303);
    const answer = await turn;
    expect([answer.status, answer.trajectory]).toEqual([200, trajectory]);
    expect(answer.text).toContain('All done.');
    expect(tools.calls).toEqual([{ name: 'send', arguments: { to: TO, body: 'Hello' } }]);
    const after = await eventually(
      () => carol.get(`/approve/${id}`),
      ({ text }) => text.includes('Approved and used'),
    );
    expect(after.text).toContain('Approved by carol');
    // The same word again is no error, another one a conflict.
    const again = await httpClient(suite.endpoint, keys.carol).send('POST', `/admin/v1/approvals/${id}`, {
      decision: 'approve',
    });
    expect([again.status, again.json<ApprovalView>().state]).toEqual([200, 'used']);
    const other = await carol.post(`/approve/${id}`, { ...fields, decision: 'reject' });
    expect(other.status).toBe(409);
  });

  it('[console:approvals-roles] is nothing to strangers and other tenants, and cannot be approved by the key that asked', async () => {
    const turn = sendMail({ to: TO });
    const { id } = await theOneThatWaits();
    for (const secret of [keys.eve, keys.mallory]) {
      const client = httpClient(suite.endpoint, secret);
      const [theirs, none] = [
        await client.get(`/admin/v1/approvals/${id}`),
        await client.get('/admin/v1/approvals/none'),
      ];
      expect([theirs.status, theirs.text]).toEqual([404, none.text]);
      const browser = await signedIn(secret);
      expect((await browser.get(`/approve/${id}`)).status).toBe(404);
      const sent = await browser.post(`/approve/${id}`, { csrf: await browser.csrf(), decision: 'approve' });
      expect(sent.status).toBe(404);
    }
    const own = await agent.send('POST', `/admin/v1/approvals/${id}`, { decision: 'approve' });
    expect(own.status).toBe(403);
    // The Admin is not among the approvers: only by breaking the glass.
    const plain = await admin.send('POST', `/admin/v1/approvals/${id}`, { decision: 'approve' });
    expect(plain.status).toBe(403);
    expect((await theOneThatWaits()).state).toBe('pending');
    const ada = await signedIn(suite.adminKey);
    const { fields } = (await ada.get(`/approve/${id}`)).form(`/approve/${id}`);
    const glass = await ada.post(`/approve/${id}`, { ...fields, note: 'the house burns', decision: 'approve' });
    expect(glass.status).toBe(303);
    expect((await turn).text).toContain('All done.');
    expect((await ada.get(`/approve/${id}`)).text).toContain('breaking the glass: “the house burns”');
  });

  it('[cli:approvals] is rejected from the command line, and the turn ends without it', async () => {
    const turn = sendMail({ to: TO });
    const { id } = await theOneThatWaits();
    const connection = ['--endpoint', suite.endpoint, '--key', keys.carol];
    expect(await approvalsCommand(['reject', id, '--note', 'not today', ...connection])).toBe(0);
    expect((await turn).status).toBe(200);
    expect(tools.calls).toEqual([]);
  });
});

describe('a value that is remembered', () => {
  it('[console:endorsements] is not asked about again in any run, until it is taken back', async () => {
    const to = 'friend@example.org';
    const first = sendMail({ to });
    const { id } = await theOneThatWaits();
    const carol = await signedIn(keys.carol);
    const form = (await carol.get(`/approve/${id}`)).form(`/approve/${id}`);
    expect(form.checkboxes).toEqual(['%2Fto']);
    await carol.post(`/approve/${id}`, { ...form.fields, decision: 'remember', endorse: form.checkboxes });
    expect((await first).text).toContain('All done.');
    expect((await sendMail({ to })).text).toContain('All done.');
    expect(tools.calls).toHaveLength(2);
    const listed = (await admin.get('/admin/v1/endorsements')).json<{
      items: { id: string; value: string; user: string; trajectory: string | null; endorsedBy: string }[];
    }>();
    const kept = listed.items.find(({ trajectory }) => trajectory === null);
    expect(kept).toMatchObject({ value: to, user: 'dana', endorsedBy: 'carol' });
    const path = `/admin/v1/endorsements/${kept?.id}`;
    await httpClient(suite.endpoint, keys.mallory).send('DELETE', path, undefined);
    await httpClient(suite.endpoint, keys.eve).send('DELETE', path, undefined);
    expect((await admin.get('/admin/v1/endorsements')).text).toContain(kept?.id);
    expect((await agent.send('DELETE', path, undefined)).status).toBe(204);
    sendMail({ to });
    const again = await theOneThatWaits();
    await admin.send('POST', `/admin/v1/approvals/${again.id}`, { decision: 'reject', breakGlass: true, note: 'end' });
  });
});

describe('a session', () => {
  const newKey = async () => {
    const made = await admin.send('POST', '/admin/v1/keys', { name: `k-${Math.random()}`, owner: 'carol' });
    return made.json<{ key: { id: string }; secret: string }>();
  };

  it.each([
    ['revoked', 'revoke', {}],
    ['given a new secret', 'rotate', { graceSeconds: 60 }],
  ])(
    '[console:approve-session-ends] ends within a second on every replica when its key is %s',
    async (_name, how, body) => {
      const { key: made, secret } = await newKey();
      const browser = await signedIn(secret);
      const csrf = await browser.csrf();
      const replicas = ['console', 'console-2'].map((name) => {
        const one = openBrowser(`http://127.0.0.1:${suite.ports[name]?.http}`);
        for (const [cookie, value] of browser.cookies) one.cookies.set(cookie, value);
        return one;
      });
      for (const one of replicas) expect((await one.get('/approve')).text).toContain('Signed in as carol');
      expect((await admin.send('POST', `/admin/v1/keys/${made.id}/${how}`, body)).status).toBe(200);
      const since = Date.now();
      for (const one of replicas) {
        const cookies = new Map(one.cookies);
        await eventually(
          async () => {
            for (const [name, value] of cookies) one.cookies.set(name, value);
            return (await one.get('/approve')).text;
          },
          (text) => text.includes('Your Sallyport key'),
          REVOKED_WITHIN_MS,
        );
      }
      expect(Date.now() - since).toBeLessThanOrEqual(REVOKED_WITHIN_MS);
      expect((await browser.post('/approve/none', { csrf, decision: 'approve' })).status).toBe(403);
    },
  );

  it('[console:approve-cookie] carries no key, and the headers of the page stand through the front', async () => {
    const browser = await signedIn(keys.carol);
    for (const value of browser.cookies.values()) {
      expect(Buffer.from(value, 'base64url').toString('latin1')).not.toContain(keys.carol);
    }
    const page = await browser.get('/approve');
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('cache-control')).toBe('no-store');
  });
});
