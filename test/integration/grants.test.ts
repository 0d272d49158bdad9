import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, openBrowser } from '../../services/console/src/testing/browser.ts';
import { type FakeAuthorizationServer, startAuthorizationServer } from '../fakes/authorization-server.ts';
import { findSecret } from '../fakes/listening.ts';
import { type ProtectedTools, startProtectedTools } from '../fakes/protected-tools.ts';
import { says } from '../fakes/tool-answers.ts';
import { httpClient } from '../support/http-client.ts';
import { eventually, suiteWith, type TestSuite } from '../support/suite.ts';

/** DESIGN section 8: what ends reaches every replica within one second. */
const ENDED_WITHIN_MS = 1_000;

interface Result {
  readonly isError?: boolean;
  readonly content?: readonly { readonly text: string }[];
  readonly tools?: readonly { readonly name: string }[];
  readonly _meta?: Record<string, { readonly url: string }>;
}

describe('tool servers that people connect', () => {
  let suite: TestSuite;
  let as: FakeAuthorizationServer;
  /** It never names itself in its answers, and knows clients by their documents. */
  let silent: FakeAuthorizationServer;
  let mail: ProtectedTools;
  let notes: ProtectedTools;
  const keys: Record<string, string> = {};
  const windows: Record<string, Browser> = {};

  beforeAll(async () => {
    [as, silent] = await Promise.all([startAuthorizationServer(), startAuthorizationServer()]);
    silent.faults.iss = 'none';
    silent.faults.metadata = {
      authorization_response_iss_parameter_supported: undefined,
      client_id_metadata_document_supported: true,
    };
    const tools = [
      { name: 'read', run: says('read') },
      { name: 'write', run: says('written') },
    ];
    mail = await startProtectedTools(as, { tools, scopeOf: { write: 'tools:write' } });
    notes = await startProtectedTools(silent, { tools, openList: true });
    const people = ['dana', 'robin'];
    const server = (name: string, url: string) => ({
      kind: 'ToolServer',
      name,
      spec: { remote: { url }, auth: { type: 'OAuth' }, allowPrivateNetwork: true, defaultClass: 'Read' },
    });
    suite = await suiteWith(
      [
        server('mail', mail.url),
        server('notes', notes.url),
        ...people.map((name) => ({
          kind: 'VirtualKey',
          name,
          spec: { owner: name, targetSecret: { name: `${name}-key`, key: 'key' } },
        })),
        { kind: 'AccessPolicy', name: 'all', spec: { subjects: { everyone: true }, tools: ['*/*'] } },
      ],
      { services: ['audit', 'vault', 'identity', 'operator', 'policy', 'mcp-broker', 'console'] },
    );
    for (const name of people) {
      keys[name] = await suite.keyOf('default', name);
      windows[name] = openBrowser(suite.endpoint);
      await windows[name].signIn(keys[name]);
    }
  }, 120_000);
  afterAll(async () => {
    await suite?.end();
    await Promise.all([mail, notes, as, silent].map((one) => one?.close()));
  }, 60_000);

  const ask = async (who: string, method: string, params: object = {}): Promise<Result> => {
    const client = httpClient(suite.endpoint, keys[who] ?? '');
    const answer = await client.send('POST', '/mcp', { jsonrpc: '2.0', id: 1, method, params });
    return answer.json<{ result?: Result }>().result ?? {};
  };
  const call = (who: string, name: string) => ask(who, 'tools/call', { name, arguments: {} });
  const textOf = ({ content }: Result) => content?.[0]?.text ?? '';
  const linkOf = ({ _meta }: Result) => _meta?.['sallyport.dev/connect']?.url ?? '';
  const answered = (who: string, name: string, good: (result: Result) => boolean) =>
    eventually(() => call(who, name), good, 8_000);

  /** Connects a server as a person does who follows a link. */
  const connect = async (who: string, link: string, at = as) => {
    const window = windows[who] as Browser;
    const { pathname, search } = new URL(link, suite.endpoint);
    const page = await window.get(pathname + search);
    const left = await window.post(pathname, page.form(pathname).fields);
    const on = left
      .all('a')
      .flatMap((one) => one.attrs.filter(({ name }) => name === 'href').map(({ value }) => value));
    const away = on.find((href) => href.startsWith(at.issuer)) ?? '';
    const back = await at.signIn(away, who);
    expect(back.origin).toBe(suite.endpoint);
    const done = await window.get(back.pathname + back.search);
    expect(done.headers.get('location')).toBe('/me?done=connected');
    return back;
  };

  it('[grants:journey] are known once the first person connected them, and are called with the grant of who calls', async () => {
    expect(((await ask('dana', 'tools/list')).tools ?? []).map(({ name }) => name)).not.toContain('mail__read');
    expect((await windows.dana?.get('/me'))?.text).toContain('Connect mail');
    await connect('dana', '/me/connect/mail');
    await answered('dana', 'mail__read', (result) => textOf(result) === 'read');
    const robins = await call('robin', 'mail__read');
    expect(textOf(robins)).toMatch(/^\[not_connected\] /);
    expect(linkOf(robins)).toBe(`${suite.endpoint}/me/connect/mail`);
    await connect('robin', linkOf(robins));
    expect(textOf(await answered('robin', 'mail__read', ({ isError }) => isError === false))).toBe('read');
    expect(mail.callers.map(({ user }) => user)).toEqual(['dana', 'robin']);
    expect(mail.callers.every(({ resource }) => resource === mail.url)).toBe(true);
  });

  it('[grants:journey] are connected where the authorization server neither registers nor names itself', async () => {
    await eventually(
      () => ask('dana', 'tools/list'),
      ({ tools }) => tools?.some(({ name }) => name === 'notes__read') === true,
      8_000,
    );
    const link = linkOf(await call('dana', 'notes__read'));
    const back = await connect('dana', link, silent);
    expect(back.pathname).toMatch(/^\/me\/callback\/[\w-]{22}$/);
    await answered('dana', 'notes__read', (result) => textOf(result) === 'read');
    expect(notes.callers[0]?.clientId).toMatch(new RegExp(`^${suite.endpoint}/me/client/[\\w-]{22}\\.json$`));
  });

  it('[grants:journey] lead on where a call lacks scopes, and have tokens anew where they were refused', async () => {
    const lacking = await call('dana', 'mail__write');
    expect(textOf(lacking)).toMatch(/^\[not_connected\] /);
    expect(linkOf(lacking)).toBe(`${suite.endpoint}/me/connect/mail?scopes=tools%3Awrite`);
    await connect('dana', linkOf(lacking));
    await answered('dana', 'mail__write', (result) => textOf(result) === 'written');
    // Those of others end as well, and what is listed in their names has them refreshed.
    const before = as.refreshes('dana');
    as.expireAccess();
    const again = await Promise.all([call('dana', 'mail__write'), call('dana', 'mail__read')]);
    expect(again.map(textOf)).toEqual(['written', 'read']);
    expect(as.refreshes('dana')).toBe(before + 1);
  });

  it('[grants:journey] outlive a vault that is killed, and are there when it is back', async () => {
    await suite.kill('vault');
    await suite.restart('vault');
    as.expireAccess();
    await answered('dana', 'mail__write', (result) => textOf(result) === 'written');
    expect(as.replays).toEqual({ codes: 0, refreshTokens: 0 });
  });

  it('[grants:journey] are called no more within a second after a person disconnected them, or their issuer did', async () => {
    const window = windows.dana as Browser;
    const { fields } = (await window.get('/me')).form('/me/connections/disconnect');
    const disconnected = await window.post('/me/connections/disconnect', { ...fields, server: 'mail' });
    expect(disconnected.headers.get('location')).toBe('/me?done=disconnected');
    const endedAt = performance.now();
    await answered('dana', 'mail__read', (result) => textOf(result).startsWith('[not_connected]'));
    expect(performance.now() - endedAt).toBeLessThan(ENDED_WITHIN_MS);
    expect(textOf(await call('robin', 'mail__read'))).toBe('read');
    as.endGrants('robin');
    // A token that is refused right after it was had anew is not asked for at once again.
    await answered('robin', 'mail__read', (result) => textOf(result).startsWith('[not_connected]'));
    expect((await windows.robin?.get('/me'))?.text).toContain('It has to be connected anew.');
  });

  it('[grants:no-passthrough] let no key of a caller out, and no token into what is written', async () => {
    const outbound = [...mail.requests, ...notes.requests, ...as.requests, ...silent.requests];
    for (const key of Object.values(keys)) expect(outbound.flatMap((request) => findSecret(request, key))).toEqual([]);
    const tokens = new Set(mail.requests.map(({ headers }) => headers.authorization?.replace('Bearer ', '') ?? ''));
    tokens.delete('');
    expect(tokens.size).toBeGreaterThan(3);
    const logs = join(suite.data, 'logs');
    const written = readdirSync(logs).map((file) => readFileSync(join(logs, file), 'utf8'));
    for (const token of tokens) expect(written.filter((text) => text.includes(token))).toEqual([]);
  });
});
