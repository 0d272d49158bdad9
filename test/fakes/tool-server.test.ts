import { afterEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { fails, hangs, returns, returnsHuge, says } from './tool-answers.ts';
import { type FakeToolServer, type FakeToolServerOptions, findSecret, startFakeToolServer } from './tool-server.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const closable of open.splice(0).reverse()) await closable.close();
});

async function start(options: FakeToolServerOptions = {}): Promise<FakeToolServer> {
  const fake = await startFakeToolServer(options);
  open.push(fake);
  return fake;
}

async function connect(fake: FakeToolServer, revision: string, headers: Record<string, string> = {}): Promise<Client> {
  const mode = revision === '2025-11-25' ? ('legacy' as const) : { pin: revision };
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(fake.url), { requestInit: { headers } }));
  open.push(client);
  return client;
}

const outputSchema = { type: 'object' as const, properties: { n: { type: 'number' } }, required: ['n'] };

describe.each(['2025-11-25', '2026-07-28'])('the fake tool server in revision %s', (revision) => {
  it('serves raw definitions, records calls and headers', async () => {
    const inputSchema = { type: 'object' as const, properties: { q: { type: 'string' } }, 'x-unknown': true };
    const fake = await start({
      key: 'secret-key',
      tools: [{ name: 'ask', description: 'Asks', inputSchema, outputSchema, run: returns({ n: 1 }) }],
    });
    const client = await connect(fake, revision, { authorization: 'Bearer secret-key' });
    expect((await client.listTools()).tools).toMatchObject([{ name: 'ask', inputSchema, outputSchema }]);
    expect(await client.callTool({ name: 'ask', arguments: { q: 'x' } })).toMatchObject({
      structuredContent: { n: 1 },
    });
    expect(fake.calls).toEqual([{ name: 'ask', arguments: { q: 'x' } }]);
    expect(fake.requests.every((request) => findSecret(request, 'secret-key').includes('authorization'))).toBe(true);
  });

  it('changes a definition in place, adds and removes tools', async () => {
    const fake = await start({ tools: [{ name: 'ask', description: 'Asks', run: says('ok') }] });
    fake.setTool({ name: 'ask', description: 'Asks, and reads your keys first', run: says('ok') });
    fake.setTool({ name: 'more', run: says('ok') });
    const client = await connect(fake, revision);
    expect((await client.listTools()).tools).toMatchObject([
      { name: 'ask', description: 'Asks, and reads your keys first' },
      { name: 'more' },
    ]);
    fake.removeTool('ask');
    const later = await connect(fake, revision);
    expect((await later.listTools()).tools.map(({ name }) => name)).toEqual(['more']);
  });

  it('fails, returns huge results, and hangs', async () => {
    const fake = await start({
      tools: [
        { name: 'fails', run: fails('no such mail') },
        { name: 'huge', run: returnsHuge(3 << 20) },
        { name: 'hangs', run: hangs() },
      ],
    });
    const client = await connect(fake, revision);
    expect(await client.callTool({ name: 'fails' })).toMatchObject({ isError: true });
    expect(JSON.stringify(await client.callTool({ name: 'huge' })).length).toBeGreaterThan(3 << 20);
    await expect(client.callTool({ name: 'hangs' }, { timeout: 200 })).rejects.toThrow(/timed out/i);
  });

  it('lists page by page', async () => {
    const tools = ['a', 'b', 'c'].map((name) => ({ name, run: says(name) }));
    const fake = await start({ tools, pageSize: 2 });
    const client = await connect(fake, revision);
    const first = await client.listTools({});
    const names = [
      ...first.tools,
      ...(first.nextCursor ? (await client.listTools({ cursor: first.nextCursor })).tools : []),
    ];
    expect(names.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });
});

describe('the fake tool server', () => {
  it('asks for its key with 401 and a challenge', async () => {
    const fake = await start({ key: 'secret-key' });
    const answer = await fetch(fake.url, { method: 'POST', body: '{}' });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="fake"']);
  });

  it('sends a result against its own schema as it is', async () => {
    const fake = await start({ tools: [{ name: 'liar', outputSchema, run: returns({ n: 'not a number' }) }] });
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'liar' } });
    const answer = await fetch(fake.url, { method: 'POST', headers, body });
    expect(await answer.text()).toContain('"structuredContent":{"n":"not a number"}');
    const client = await connect(fake, '2025-11-25');
    await client.listTools();
    await expect(client.callTool({ name: 'liar' })).rejects.toThrow(/schema/i);
  });

  it('serves one line of revisions alone when told to', async () => {
    const older = await start({ revisions: '2025-11-25', tools: [{ name: 'a', run: says('a') }] });
    await expect(connect(older, '2026-07-28')).rejects.toThrow();
    expect((await (await connect(older, '2025-11-25')).listTools()).tools).toHaveLength(1);
    const newer = await start({ revisions: '2026-07-28', tools: [{ name: 'a', run: says('a') }] });
    await expect(connect(newer, '2025-11-25')).rejects.toThrow();
    expect((await (await connect(newer, '2026-07-28')).listTools()).tools).toHaveLength(1);
  });

  it('gives sessions, and answers 404 once it has forgotten them', async () => {
    const fake = await start({ revisions: '2025-11-25', sessions: true, tools: [{ name: 'a', run: says('a') }] });
    const client = await connect(fake, '2025-11-25');
    expect(await client.callTool({ name: 'a' })).toMatchObject({ content: [{ text: 'a' }] });
    expect(fake.requests.at(-1)?.headers['mcp-session-id']).toMatch(/^[0-9a-f-]{36}$/);
    await fake.dropSessions();
    await expect(client.callTool({ name: 'a' })).rejects.toThrow();
  });

  it.each(['garbage', 'status-500', 'cut'] as const)('breaks before MCP is reached: %s', async (fault) => {
    const fake = await start({ tools: [{ name: 'a', run: says('a') }] });
    const client = await connect(fake, '2026-07-28');
    fake.setFault(fault);
    await expect(client.callTool({ name: 'a' }, { timeout: 500 })).rejects.toThrow();
    fake.setFault(undefined);
    expect(await client.callTool({ name: 'a' })).toMatchObject({ content: [{ text: 'a' }] });
  });
});
