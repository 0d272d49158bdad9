import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import type { TokenFacts } from '../../../../test/fakes/authorization-server.ts';
import { type ProtectedTools, startProtectedTools } from '../../../../test/fakes/protected-tools.ts';
import { KEYS, startBroker, type TestBroker } from '../testing/broker.ts';

const says = (text: string) => () => ({ content: [{ type: 'text' as const, text }] });
const LINKS = { elicitation: { url: {} } };
const PAGE = 'https://gw.example/me/connect/mail';

/** What the played vault holds: the token of each person, and which of them the server takes. */
const held = new Map<string, { token: string; revision: number; scopes: string[] }>();
const good = new Map<string, TokenFacts>();
let refreshes = 0;

let server: ProtectedTools;
let sessions: ProtectedTools;
let broker: TestBroker;
let all: Record<string, object>;
beforeAll(async () => {
  const as = { issuer: 'https://login.example', holder: (token: string) => good.get(token) };
  const tools = [
    { name: 'read', run: says('read') },
    { name: 'write', run: says('written') },
    { name: 'bobs', run: says("bob's") },
  ];
  const onlyFor = { bobs: ['bob@acme.example'] };
  server = await startProtectedTools(as, { tools, onlyFor, scopeOf: { write: 'tools:write' } });
  sessions = await startProtectedTools(as, { tools, onlyFor, openList: true, revisions: '2025-11-25', sessions: true });
  broker = await startBroker({ publicUrl: 'https://gw.example' });
  broker.state.resolve = ({ principal, refusedReference, origin }) => {
    const listing = principal?.id === 'service:mcp-broker';
    const user = listing ? [...held.keys()][0] : principal?.user;
    const grant = user === undefined ? undefined : held.get(user);
    const place = origin === new URL(sessions.url).origin ? 'desk' : 'mail';
    if (grant === undefined) {
      throw new GatewayError('upstream_credentials', 'Not connected.', {
        details: { missing: 'grant', server: place },
      });
    }
    const reference = `grant:${user}/${place}#${grant.revision}`;
    if (refusedReference === reference) {
      refreshes++;
      connect(user as string, grant.scopes, grant.revision + 1);
    }
    const { token, revision, scopes } = held.get(user as string) as {
      token: string;
      revision: number;
      scopes: string[];
    };
    // For both servers, so that the fake's audience check needs no second authorization server.
    const resource = place === 'desk' ? sessions.url : server.url;
    const value = `${token}@${place}`;
    if (good.has(token)) good.set(value, { ...(good.get(token) as TokenFacts), resource });
    return { value, reference: `grant:${user}/${place}#${revision}`, leaseTtlMs: 0, scopes };
  };
  connect('lister', ['tools:use']);
  const auth = { type: 'OAuth', scopes: [] };
  all = { mail: { remote: { url: server.url }, auth }, desk: { remote: { url: sessions.url }, auth } };
  await broker.servers(all);
}, 30_000);
afterAll(async () => {
  await broker?.close();
  await server?.close();
  await sessions?.close();
});
beforeEach(() => {
  broker.records.length = 0;
  server.callers.length = 0;
  sessions.callers.length = 0;
});

function connect(user: string, scopes: string[], revision = 1): void {
  const token = `token-of-${user}-${revision}`;
  held.set(user, { token, revision, scopes });
  const facts = { user, clientId: 'c', scopes, resource: server.url, expiresAtMs: Date.now() + 60_000 };
  good.set(token, facts);
}

interface Result {
  readonly resultType?: string;
  readonly isError?: boolean;
  readonly content?: readonly { readonly text: string }[];
  readonly requestState?: string;
  readonly inputRequests?: Record<string, { readonly params: { readonly url: string; readonly message: string } }>;
  readonly _meta?: Record<string, { readonly server: string; readonly url: string; readonly scopes: string[] }>;
}
interface Answer {
  readonly result?: Result;
  readonly error?: { readonly code: number; readonly data?: { readonly elicitations: readonly { url: string }[] } };
}

async function post(body: object, headers: Record<string, string>, key: string): Promise<Response> {
  return await fetch(`${broker.url}/mcp`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
  });
}

async function call(name: string, key = KEYS.alice, capabilities: object = {}, params: object = {}): Promise<Answer> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name };
  const body = { method: 'tools/call', params: { name, arguments: {}, _meta, ...params } };
  return (await (await post(body, headers, key)).json()) as Answer;
}

describe('a tool server that people connect', () => {
  it('[mcp:connect-own] is called with the token of who calls, at a server with sessions too', async () => {
    connect('alice@acme.example', ['tools:use']);
    connect('bob@acme.example', ['tools:use']);
    for (const name of ['mail__read', 'desk__read']) {
      const keys = [KEYS.alice, KEYS.bob, KEYS.alice];
      const answers = await Promise.all(keys.map((key) => call(name, key)));
      expect(answers.map(({ result }) => result?.content?.[0]?.text)).toEqual(['read', 'read', 'read']);
    }
    const users = ['alice@acme.example', 'alice@acme.example', 'bob@acme.example'];
    for (const one of [server, sessions]) expect(one.callers.map(({ user }) => user).sort()).toEqual(users);
    // A session belongs to one person.
    const owners = new Map<string, Set<string>>();
    for (const { headers } of sessions.requests) {
      const id = headers['mcp-session-id'] ?? '';
      const token = headers.authorization ?? '';
      if (id !== '' && token !== '') owners.set(id, (owners.get(id) ?? new Set()).add(token));
    }
    for (const tokens of owners.values()) expect(tokens.size).toBe(1);
    const told = broker.records.find(({ kind }) => kind === Record_Kind.TOOL_OUTCOME);
    expect(told?.detailJson).toContain('grant:');
    expect(JSON.stringify(broker.records)).not.toContain('token-of');
  });

  it('[mcp:connect-link] tells who has not connected it where to, and nobody else waits for that', async () => {
    const [answer, other] = await Promise.all([call('mail__read', KEYS.carol), call('mail__read', KEYS.alice)]);
    expect(other.result?.isError).toBe(false);
    expect(answer.result).toMatchObject({ resultType: 'complete', isError: true });
    expect(answer.result?.content?.[0]?.text).toMatch(
      /^\[not_connected\] .* at https:\/\/gw\.example\/me\/connect\/mail \./,
    );
    expect(answer.result?._meta?.['sallyport.dev/connect']).toEqual({ server: 'mail', url: PAGE, scopes: [] });
    expect(broker.records.find(({ outcome }) => outcome === 'refused')).toMatchObject({
      kind: Record_Kind.TOOL_REFUSAL,
      errorCode: 'upstream_credentials',
    });
  });

  it('[mcp:connect-elicits] shows the page by input_required, and goes on once it is connected', async () => {
    const { result } = await call('mail__read', KEYS.dave, LINKS);
    expect(result?.resultType).toBe('input_required');
    expect(result?.inputRequests?.connect?.params).toMatchObject({ mode: 'url', url: PAGE });
    const accepted = { inputResponses: { connect: { action: 'accept' } } };
    const back = { requestState: result?.requestState, ...accepted };
    expect((await call('mail__read', KEYS.dave, LINKS, back)).result).toMatchObject({ isError: true });
    connect('dave@acme.example', ['tools:use']);
    expect((await call('mail__read', KEYS.dave, LINKS, back)).result?.content?.[0]?.text).toBe('read');
  });

  it('[mcp:connect-elicits] of revision 2025-11-25 shows the page by an error', async () => {
    const version = { 'mcp-protocol-version': '2025-11-25' };
    const clientInfo = { name: 't', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: LINKS, clientInfo };
    const shaken = await post({ method: 'initialize', params }, version, KEYS.erin);
    const session = { ...version, 'mcp-session-id': shaken.headers.get('mcp-session-id') ?? '' };
    const asked = { method: 'tools/call', params: { name: 'mail__read', arguments: {} } };
    const { error } = (await (await post(asked, session, KEYS.erin)).json()) as Answer;
    expect(error).toMatchObject({ code: -32042, data: { elicitations: [{ mode: 'url', url: PAGE }] } });
    connect('erin@acme.example', ['tools:use']);
    const { result } = (await (await post(asked, session, KEYS.erin)).json()) as Answer;
    expect(result?.content?.[0]?.text).toBe('read');
  });

  it('[mcp:connect-scopes] leads on for scopes that a call lacked, and not for those that it has', async () => {
    connect('alice@acme.example', ['tools:use'], 3);
    const { result } = await call('mail__write');
    const url = `${PAGE}?scopes=tools%3Awrite`;
    expect(result?._meta?.['sallyport.dev/connect']).toEqual({ server: 'mail', url, scopes: ['tools:write'] });
    expect(result?.content?.[0]?.text).toContain(url);
    // Granted, and yet the server says that it lacks: asking once more would lead to the same.
    const facts = good.get('token-of-alice@acme.example-3') as TokenFacts;
    held.set('alice@acme.example', { token: 'stubborn', revision: 4, scopes: ['tools:use', 'tools:write'] });
    good.set('stubborn', facts);
    const again = (await call('mail__write')).result;
    expect(again?.isError).toBe(true);
    expect(again?._meta?.['sallyport.dev/connect']).toBeUndefined();
  });

  it('[mcp:connect-refreshes] has a refused token made anew once, and calls with that', async () => {
    connect('bob@acme.example', ['tools:use'], 7);
    expect((await call('mail__read', KEYS.bob)).result?.isError).toBe(false);
    for (const token of good.keys()) if (token.startsWith('token-of-bob')) good.delete(token);
    refreshes = 0;
    const answers = await Promise.all([call('mail__read', KEYS.bob), call('mail__read', KEYS.bob)]);
    expect(answers.map(({ result }) => result?.isError)).toEqual([false, false]);
    expect(refreshes).toBe(1);
    server.refuseAll(true);
    const before = server.requests.length;
    expect((await call('mail__read', KEYS.bob)).result?.isError).toBe(true);
    server.refuseAll(false);
    expect(server.requests.length).toBeLessThanOrEqual(before + 2);
  });

  it.each(['desk', 'mail'])(
    '[mcp:connect-own-list] shows each person what %s offers to them, and lets them call that',
    async (at) => {
      await broker.servers(all);
      connect('alice@acme.example', ['tools:use'], 20);
      connect('bob@acme.example', ['tools:use'], 20);
      held.delete('carol@acme.example');
      const listed = async (key: string) => {
        const answer = await post({ method: 'tools/list', params: {} }, {}, key);
        const { result } = (await answer.json()) as { result: { tools: { name: string }[] } };
        return result.tools.map(({ name }) => name).filter((name) => name.startsWith(at));
      };
      // Who has connected nothing is shown what somebody else was who has no more than most.
      expect(await listed(KEYS.carol)).toEqual([`${at}__read`, `${at}__write`]);
      expect((await call(`${at}__bobs`, KEYS.bob)).result?.content?.[0]?.text).toBe("bob's");
      expect(await listed(KEYS.bob)).toEqual([`${at}__bobs`, `${at}__read`, `${at}__write`]);
      expect(await listed(KEYS.alice)).toEqual([`${at}__read`, `${at}__write`]);
      expect(await listed(KEYS.carol)).toEqual([`${at}__read`, `${at}__write`]);
      for (const key of [KEYS.alice, KEYS.carol]) {
        expect((await call(`${at}__bobs`, key)).error?.code).toBe(-32602);
      }
    },
  );

  it('[mcp:connect-lists] is listed by what it tells anybody while nobody has connected it, and says so otherwise', async () => {
    const before = [...held];
    held.clear();
    const auth = { type: 'OAuth', scopes: [] };
    await broker.servers({
      open: { remote: { url: sessions.url }, auth },
      closed: { remote: { url: server.url }, auth },
    });
    const listed = await post({ method: 'tools/list', params: {} }, {}, KEYS.alice);
    const { result } = (await listed.json()) as { result: { tools: { name: string }[] } };
    expect(result.tools.map(({ name }) => name)).toEqual(['open__read', 'open__write']);
    const conditions = () => broker.observations.get('closed')?.conditions ?? [];
    for (let looks = 0; looks < 100 && conditions().length === 0; looks++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(conditions().map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      'Reachable Unknown NotConnected',
      'CredentialsValid Unknown NotConnected',
    ]);
    for (const [user, grant] of before) held.set(user, grant);
  });
});
