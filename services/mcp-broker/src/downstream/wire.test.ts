import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';

let server: FakeToolServer;
let broker: TestBroker;

beforeAll(async () => {
  const tools = Array.from({ length: 5 }, (_, index) => ({
    name: index === 4 ? 'größe' : `tool-${index}`,
    run: (args: Record<string, unknown>) => ({ content: [{ type: 'text' as const, text: JSON.stringify(args) }] }),
  }));
  server = await startFakeToolServer({
    tools: [
      ...tools,
      {
        name: 'hang',
        run: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject)),
      },
    ],
  });
  broker = await startBroker({
    request: { pageSize: 2, maxBytes: 4_000, maxDepth: 10 },
    allowedOrigins: ['https://app.example'],
    allowedHosts: ['127.0.0.1'],
    authorizationServers: ['https://id.example'],
  });
  await broker.servers({ a: { remote: { url: server.url }, timeoutSeconds: 30 } });
}, 30_000);
afterAll(async () => {
  await broker?.close();
  await server?.close();
});

type Headers = Record<string, string | undefined>;

async function send(body: unknown, headers: Headers = {}) {
  const given: Headers = { authorization: `Bearer ${KEYS.alice}`, 'content-type': 'application/json', ...headers };
  const answer = await fetch(`${broker.url}/mcp`, {
    method: 'POST',
    headers: Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, json: text === '' ? undefined : JSON.parse(text) };
}

const request = (method: string, params: object = {}, id: unknown = 1) => ({ jsonrpc: '2.0', id, method, params });
const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const modern = (method: string, params: object = {}, headers: Headers = {}) =>
  send(request(method, { ...params, _meta: envelope }), {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...headers,
  });
const echo = { name: 'a__tool-0', arguments: { x: 1 } };

describe('revision 2026-07-28', () => {
  it('discovers', async () => {
    const { status, json } = await modern('server/discover');
    expect(status).toBe(200);
    expect(json.result).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'sallyport' } },
    });
  });

  it('[mcp:private-lists] marks lists as private and pages through them', async () => {
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const { json } = await modern('tools/list', cursor === undefined ? {} : { cursor });
      expect(json.result).toMatchObject({ resultType: 'complete', cacheScope: 'private', ttlMs: expect.any(Number) });
      expect(json.result.tools.length).toBeLessThanOrEqual(2);
      names.push(...json.result.tools.map((tool: { name: string }) => tool.name));
      cursor = json.result.nextCursor;
    } while (cursor !== undefined);
    expect(names).toHaveLength(6);
    expect([...names].sort()).toEqual(names);
  });

  it.each<[string, object, Headers, number, number]>([
    ['another method in the header', echo, { 'mcp-method': 'tools/list', 'mcp-name': 'a__tool-0' }, 400, -32020],
    ['no method header', echo, { 'mcp-method': undefined, 'mcp-name': 'a__tool-0' }, 400, -32020],
    ['no version header', echo, { 'mcp-protocol-version': undefined, 'mcp-name': 'a__tool-0' }, 400, -32020],
    [
      'another version in the header',
      echo,
      { 'mcp-protocol-version': '2025-11-25', 'mcp-name': 'a__tool-0' },
      400,
      -32020,
    ],
    ['no name header', echo, {}, 400, -32020],
    ['another name in the header', echo, { 'mcp-name': 'a__tool-1' }, 400, -32020],
    ['an encoded other name', echo, { 'mcp-name': `=?base64?${btoa('a__tool-1')}?=` }, 400, -32020],
    ['base64 that is none', echo, { 'mcp-name': '=?base64?a?=' }, 400, -32020],
  ])('[mcp:header-agreement] refuses %s', async (_name, params, headers, status, code) => {
    const answer = await modern('tools/call', params, headers);
    expect([answer.status, answer.json.error.code]).toEqual([status, code]);
  });

  it.each(['a__tool-0', `=?base64?${btoa('a__tool-0')}?=`, '  a__tool-0 '])(
    '[mcp:header-agreement] takes the name %p',
    async (name) => {
      const { json } = await modern('tools/call', echo, { 'mcp-name': name });
      expect(json.result).toMatchObject({ resultType: 'complete', content: [{ text: '{"x":1}' }] });
    },
  );

  it('refuses a revision that it does not serve, and says which it does', async () => {
    const _meta = { ...envelope, 'io.modelcontextprotocol/protocolVersion': '2027-01-01' };
    const headers = { 'mcp-protocol-version': '2027-01-01', 'mcp-method': 'tools/list' };
    const { status, json } = await send(request('tools/list', { _meta }), headers);
    expect(status).toBe(400);
    expect(json.error).toMatchObject({
      code: -32022,
      data: { requested: '2027-01-01', supported: expect.arrayContaining(['2026-07-28']) },
    });
  });

  it('answers an unknown method with 404, one without envelope with 400', async () => {
    const unknown = await modern('roots/list');
    expect([unknown.status, unknown.json.error.code]).toEqual([404, -32601]);
    const bare = await send(request('tools/list'), {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/list',
    });
    expect([bare.status, bare.json.error.code]).toEqual([400, -32602]);
    const incapable = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
    const half = await send(request('tools/list', { _meta: incapable }), {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/list',
    });
    expect([half.status, half.json.error.code]).toEqual([400, -32602]);
    const handshake = await modern('initialize');
    expect([handshake.status, handshake.json.error.code]).toEqual([404, -32601]);
  });

  it('takes omitted arguments for none, and refuses what are no arguments', async () => {
    const headers = { 'mcp-name': 'a__tool-0' };
    expect((await modern('tools/call', { name: 'a__tool-0' }, headers)).json.result.content[0].text).toBe('{}');
    for (const bad of [[], 'x', null, 1]) {
      const { json } = await modern('tools/call', { name: 'a__tool-0', arguments: bad }, headers);
      expect(json.error.code).toBe(-32602);
    }
  });
});

describe('the older line', () => {
  it('shakes hands, takes notifications and pings', async () => {
    const { json, headers } = await send(
      request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: {} }),
    );
    expect(json.result).toMatchObject({
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'sallyport' },
    });
    const session = headers.get('mcp-session-id') ?? '';
    expect(
      (await send({ jsonrpc: '2.0', method: 'notifications/initialized' }, { 'mcp-session-id': session })).status,
    ).toBe(202);
    expect((await send(request('ping', {}, 'p'), { 'mcp-session-id': session })).json).toEqual({
      jsonrpc: '2.0',
      id: 'p',
      result: {},
    });
    expect((await send(request('tools/list'), { 'mcp-session-id': `${session}x` })).status).toBe(404);
    const foreign = { 'mcp-session-id': session, authorization: `Bearer ${KEYS.bob}` };
    expect((await send(request('tools/list'), foreign)).status).toBe(404);
  });

  it('answers an unknown method in band, an unknown version with 400', async () => {
    const unknown = await send(request('roots/list'));
    expect([unknown.status, unknown.json.error.code]).toEqual([200, -32601]);
    expect((await send(request('tools/list'), { 'mcp-protocol-version': '2024-01-01' })).status).toBe(400);
  });

  it('serves several messages in one body for the one revision that has that', async () => {
    const batch = [
      request('ping', {}, 1),
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      request('nothing', {}, 2),
    ];
    const { status, json } = await send(batch);
    expect(status).toBe(200);
    expect(json).toMatchObject([
      { id: 1, result: {} },
      { id: 2, error: { code: -32601 } },
    ]);
    expect((await send(batch, { 'mcp-protocol-version': '2025-11-25' })).status).toBe(400);
    expect((await send([])).status).toBe(400);
  });

  it('leaves out what revision 2025-03-26 does not know', async () => {
    const { json } = await send(request('tools/call', echo));
    expect(json.result).toEqual({
      content: [{ type: 'text', text: '{"x":1}' }],
      isError: false,
      _meta: expect.any(Object),
    });
  });
});

describe('bad input', () => {
  const deep = `${'['.repeat(20)}${']'.repeat(20)}`;
  it.each<[string, string | Uint8Array, number, number]>([
    ['no JSON', '{"jsonrpc":', 400, -32700],
    ['nothing', '', 400, -32700],
    ['invalid UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 400, -32700],
    ['a key twice', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}', 400, -32600],
    [
      'a key twice deep inside',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"to":1,"to":2}}}',
      400,
      -32600,
    ],
    ['too deep', `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":${deep}}}`, 400, -32600],
    ['too large', JSON.stringify(request('ping', { x: 'x'.repeat(5_000) })), 413, -32600],
    ['no JSON-RPC', '{"id":1,"method":"ping"}', 400, -32600],
    ['a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600],
    ['params that are a list', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', 400, -32600],
    ['a text', '"ping"', 400, -32600],
  ])('[mcp:bad-input] refuses %s', async (_name, body, status, code) => {
    const answer = await send(body);
    expect([answer.status, answer.json.error.code]).toEqual([status, code]);
  });

  it('takes JSON only', async () => {
    expect((await send(request('ping'), { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('serves POST, and GET and DELETE of sessions to who has one', async () => {
    const ask = async (method: string, headers: Record<string, string> = {}) => {
      const authorization = `Bearer ${KEYS.alice}`;
      return (await fetch(`${broker.url}/mcp`, { method, headers: { authorization, ...headers } })).status;
    };
    expect(await Promise.all([ask('PUT'), ask('GET'), ask('DELETE')])).toEqual([405, 405, 400]);
    const modern = { 'mcp-protocol-version': '2026-07-28' };
    expect(await Promise.all([ask('GET', modern), ask('DELETE', modern)])).toEqual([405, 405]);
    expect((await fetch(`${broker.url}/mcp/a/b`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${broker.url}/mcp/a`)).status).toBe(401);
  });
});

describe('who may call', () => {
  it.each<[string, Headers]>([
    ['no key', { authorization: undefined }],
    ['an unknown key', { authorization: 'Bearer sk-nobody-0123456789abcdef' }],
    ['another scheme', { authorization: `Basic ${KEYS.alice}` }],
  ])('[mcp:challenge] challenges %s with the metadata of this resource', async (_name, headers) => {
    const answer = await send(request('ping'), headers);
    expect(answer.status).toBe(401);
    const challenge = answer.headers.get('www-authenticate') ?? '';
    const metadata =
      /^Bearer realm="sallyport",(?: error="invalid_token",)? resource_metadata="([^"]+)"$/.exec(challenge)?.[1] ?? '';
    expect(metadata).toBe(`${broker.url}/.well-known/oauth-protected-resource/mcp`);
    expect(await (await fetch(metadata)).json()).toEqual({
      resource: `${broker.url}/mcp`,
      resource_name: 'Sallyport',
      authorization_servers: ['https://id.example'],
      bearer_methods_supported: ['header'],
      scopes_supported: ['mcp'],
    });
  });

  it('takes no key out of the query', async () => {
    const answer = await fetch(`${broker.url}/mcp?access_token=${KEYS.alice}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request('ping')),
    });
    expect(answer.status).toBe(400);
  });

  it.each<[string, Headers, number]>([
    ['a page of elsewhere', { origin: 'https://evil.example' }, 403],
    ['a page without origin', { origin: 'null' }, 403],
    ['a page on another port of this host', { origin: 'http://127.0.0.1:1' }, 403],
    ['an allowed page', { origin: 'https://app.example' }, 200],
    ['no page', {}, 200],
  ])('[mcp:origin] answers %s rightly', async (_name, headers, status) => {
    const answer = await send(request('ping'), headers);
    expect(answer.status).toBe(status);
    if (headers.origin && status === 200)
      expect(answer.headers.get('access-control-allow-origin')).toBe(headers.origin);
  });

  it.each([
    [KEYS.dave, ['chat.completions'], 403],
    [KEYS.erin, ['chat.*', 'm*'], 200],
  ])('serves a key with the scope of endpoints that it has, globs as in policy', async (key, endpoints, status) => {
    broker.state.principals[key === KEYS.dave ? 'dave' : 'erin'] = { endpoints };
    expect((await send(request('ping'), { authorization: `Bearer ${key}` })).status).toBe(status);
  });

  it('narrows by the scope of the key', async () => {
    broker.state.principals.carol = { tools: ['a/tool-1'] };
    const { json } = await send(request('tools/list'), { authorization: `Bearer ${KEYS.carol}` });
    expect(json.result.tools.map((tool: { name: string }) => tool.name)).toEqual(['a__tool-1']);
  });

  it('[mcp:revocation-ends-calls] ends a call under way when its key is revoked', async () => {
    const before = server.calls.length;
    const pending = send(request('tools/call', { name: 'a__hang' }));
    await untilTrue(() => server.calls.length > before);
    const since = Date.now();
    broker.revoke('alice');
    const { status, json } = await pending;
    expect(status).toBe(401);
    expect(json.error.data.code).toBe('unauthenticated');
    expect(Date.now() - since).toBeLessThan(1_000);
    await untilTrue(() => server.requests.some((one) => one.aborted));
  });

  it('[mcp:revocation-ends-calls] makes no call whose key was revoked while its body came in', async () => {
    const { port } = new URL(broker.url);
    const body = JSON.stringify(request('tools/call', echo));
    const headers = {
      authorization: `Bearer ${KEYS.carol}`,
      'content-type': 'application/json',
      'content-length': body.length,
    };
    const calls = server.calls.length;
    const slow = http.request({ host: '127.0.0.1', port, path: '/mcp', method: 'POST', headers });
    const answered = new Promise<number>((resolve, reject) => {
      slow.on('response', (answer) => resolve(answer.statusCode ?? 0)).on('error', reject);
    });
    slow.write(body.slice(0, 10));
    await new Promise((resolve) => setTimeout(resolve, 200));
    broker.revoke('carol');
    await new Promise((resolve) => setTimeout(resolve, 200));
    slow.end(body.slice(10));
    expect(await answered).toBe(401);
    expect(server.calls.length).toBe(calls);
  });

  it('[mcp:client-gone] cancels upstream when the client leaves, and records it', async () => {
    const leave = new AbortController();
    const calls = server.calls.length;
    const aborted = server.requests.filter((one) => one.aborted).length;
    const pending = fetch(`${broker.url}/mcp`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEYS.bob}`, 'content-type': 'application/json' },
      body: JSON.stringify(request('tools/call', { name: 'a__hang' })),
      signal: leave.signal,
    }).catch(() => undefined);
    await untilTrue(() => server.calls.length > calls);
    leave.abort();
    await pending;
    await untilTrue(() => server.requests.filter((one) => one.aborted).length > aborted);
    await untilTrue(() => broker.records.some((one) => one.outcome === 'cancelled'));
  });
});
