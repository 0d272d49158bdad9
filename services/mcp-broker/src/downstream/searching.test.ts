import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker } from '../testing/broker.ts';

let server: FakeToolServer;
let broker: TestBroker;

beforeAll(async () => {
  const run = (args: Record<string, unknown>) => ({
    content: [{ type: 'text' as const, text: `ran ${JSON.stringify(args)}` }],
  });
  const inputSchema = { type: 'object' as const, properties: { to: { type: 'string' } } };
  const long = {
    ...inputSchema,
    properties: { ...inputSchema.properties, body: { type: 'string', description: 'x'.repeat(3_000) } },
  };
  server = await startFakeToolServer({
    tools: [
      { name: 'send', description: 'Sends a message.', inputSchema: long, run },
      { name: 'read', description: 'Reads messages.', inputSchema, run },
      { name: 'call_tool', description: 'A tool that calls itself by a name of ours.', inputSchema, run },
    ],
  });
  broker = await startBroker();
  await broker.servers({ mail: { remote: { url: server.url } }, vault: { remote: { url: server.url } } });
  await broker.toolsets({
    desk: {
      mode: 'Search',
      tools: [{ server: 'mail', tool: 'send', as: 'post', arguments: [{ name: 'to', fixed: 'desk' }] }],
    },
  });
}, 30_000);
afterAll(async () => {
  await broker?.close();
  await server?.close();
});
beforeEach(() => {
  broker.state.grants = ['mail/*'];
  broker.state.searches = false;
  broker.state.decided.length = 0;
  broker.records.length = 0;
  server.calls.length = 0;
  broker.state.decideCall = () => ({ verdict: Action.ALLOW });
});

async function withClient<T>(
  path: string,
  use: (client: Client) => Promise<T>,
  version = '2026-07-28',
  key = KEYS.alice,
): Promise<T> {
  const mode = version === '2026-07-28' ? { versionNegotiation: { mode: { pin: version } } } : {};
  const client = new Client({ name: 'seeker', version: '1' }, mode);
  const headers = { authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(broker.url + path), { requestInit: { headers } }));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
const call = (name: string, args: Record<string, unknown>, path = '/mcp?tools=search') =>
  withClient(path, (client) => client.callTool({ name, arguments: args }));
const list = async (path: string) =>
  (await withClient(path, (client) => client.listTools())).tools.map(({ name }) => name);
const OWN = ['call_tool', 'search_tools'];

describe('where tools are searched', () => {
  it('[mcp:search-mode] two tools are listed: where the URL, the toolset or the AccessPolicies of who asks say so', async () => {
    expect(await list('/mcp?tools=search')).toEqual(OWN);
    expect(await list('/mcp/desk')).toEqual(OWN);
    expect(await list('/mcp')).toEqual(['mail__call_tool', 'mail__read', 'mail__send']);
    expect(await list('/mcp/desk?tools=all')).toEqual(['post']);
    broker.state.searches = true;
    expect(await list('/mcp')).toEqual(OWN);
    expect(await list('/mcp?tools=all')).toHaveLength(3);
  });

  it.each(['2026-07-28', '2025-11-25'])(
    '[mcp:search-finds] a search gives names, schemas and what they cost, to clients of %s',
    async (version) => {
      const answer = await withClient(
        '/mcp?tools=search',
        async (client) => {
          await client.listTools();
          return await client.callTool({ name: 'search_tools', arguments: { query: 'reads messages', limit: 1 } });
        },
        version,
      );
      const found = answer.structuredContent as {
        tools: { name: string; tokens: number }[];
        tokens: number;
        tokensOfAll: number;
      };
      expect(found.tools).toEqual([
        expect.objectContaining({ name: 'mail__read', description: 'Reads messages.', inputSchema: expect.anything() }),
      ]);
      expect(JSON.parse((answer.content as { text: string }[])[0]?.text ?? '')).toEqual(found);
      expect(found.tokensOfAll).toBeGreaterThan(found.tokens + 800);
    },
  );

  it('[mcp:search-scope] nothing is found that who asks may not use, nor told that it is there', async () => {
    const { structuredContent } = await call('search_tools', { query: 'vault__send vault message' });
    expect(JSON.stringify(structuredContent)).not.toContain('vault__');
    expect(structuredContent).toMatchObject({ searched: 3 });
    await expect(call('call_tool', { name: 'vault__send' })).rejects.toThrow('Unknown tool: vault__send');
    await expect(call('call_tool', { name: 'nothing__here' })).rejects.toThrow('Unknown tool: nothing__here');
    expect(server.calls).toEqual([]);
  });

  it('[mcp:search-unwraps] the tool that is called is decided, limited and recorded as itself', async () => {
    broker.state.decideCall = ({ tool }) => ({ verdict: tool?.name === 'send' ? Action.DENY : Action.ALLOW });
    const refused = await call('call_tool', { name: 'mail__send', arguments: { to: 'eve' } });
    expect(refused.isError).toBe(true);
    expect(server.calls).toEqual([]);
    expect(broker.state.decided.map(({ call: one }) => [one.tool?.server, one.tool?.name, one.argumentsJson])).toEqual([
      ['mail', 'send', '{"to":"eve"}'],
    ]);
    const read = await call('call_tool', { name: 'mail__read', arguments: { to: 'ann' } });
    expect(read.content).toEqual([{ type: 'text', text: 'ran {"to":"ann"}' }]);
    const outcomes = broker.records.filter(({ detailJson }) => detailJson?.includes('"via":"call_tool"'));
    expect(outcomes.map(({ toolName }) => toolName)).toEqual(['mail__send', 'mail__read']);
    expect(broker.records.some(({ toolName }) => toolName === 'call_tool')).toBe(false);
  });

  it('[mcp:search-unwraps] no call stands in another, and no decorated name is taken for a tool', async () => {
    for (const name of [
      'call_tool',
      'search_tools',
      'mcp__sallyport__mail__send',
      'mcp__sallyport__call_tool',
      ' mail__send',
    ]) {
      await expect(call('call_tool', { name, arguments: { name: 'mail__send', arguments: {} } })).rejects.toThrow(
        'Unknown tool',
      );
    }
    for (const args of [{}, { name: 1 }, { name: 'mail__send', arguments: 'x' }, { name: 'mail__send', more: true }]) {
      await expect(call('call_tool', args)).rejects.toThrow('call_tool takes');
    }
    for (const args of [
      {},
      { query: '' },
      { query: 'x'.repeat(513) },
      { query: 'x', limit: 51 },
      { query: 'x', limit: 1.5 },
    ]) {
      await expect(call('search_tools', args)).rejects.toThrow('search_tools takes');
    }
    expect(server.calls).toEqual([]);
    expect(broker.state.decided).toEqual([]);
    // A server's own tool of that name is another one, and where all are listed ours are not there.
    expect((await call('call_tool', { name: 'mail__call_tool' })).isError).toBe(false);
    await expect(call('call_tool', { name: 'mail__read' }, '/mcp')).rejects.toThrow('Unknown tool: call_tool');
    await expect(call('search_tools', { query: 'x' }, '/mcp')).rejects.toThrow('Unknown tool: search_tools');
  });

  it('[mcp:search-step] a search is a step of its run, recorded with who asked and what was found, and limited', async () => {
    await call('search_tools', { query: 'reads messages', limit: 1 });
    const [found, ...more] = broker.records;
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      tenant: 'acme',
      principalId: 'key:alice',
      endpoint: 'mcp',
      toolName: 'search_tools',
      toolClass: 'read',
      outcome: 'ok',
      step: 1,
    });
    expect(JSON.parse(found?.detailJson ?? '')).toEqual({ status: 'done', searched: 3, found: ['mail__read'] });
    expect(found?.trajectory).not.toBe('');

    const asked: unknown[] = [];
    const resetsAtMs = Date.now() + 30_000;
    const share = { leaseId: '1', limit: 'find/requests', dimension: 'requests', subject: 'user:a', limitValue: 10 };
    broker.state.lease = (subject) => {
      asked.push(subject?.tool);
      return { shares: [{ ...share, resetsAtMs, expiresAtMs: resetsAtMs, exhausted: true }], byTool: true };
    };
    // Of who was not asked about before: that nothing limits somebody is known for a while.
    const search = (client: Client) => client.callTool({ name: 'search_tools', arguments: { query: 'reads' } });
    const refused = await withClient('/mcp?tools=search', search, '2026-07-28', KEYS.bob);
    delete broker.state.lease;
    expect(refused).toMatchObject({ isError: true, content: [{ text: expect.stringMatching(/^\[rate_limited\]/) }] });
    expect(JSON.stringify(refused)).not.toContain('mail__');
    expect(asked).toEqual(['sallyport/search_tools']);
    expect(broker.records.slice(1)).toMatchObject([
      { toolName: 'search_tools', outcome: 'refused', errorCode: 'rate_limited' },
    ]);
  });

  it('[mcp:search-toolset] a toolset is searched and called by its own names, and sets what it sets', async () => {
    const { structuredContent } = await call('search_tools', { query: 'post' }, '/mcp/desk');
    expect(structuredContent).toMatchObject({ tools: [{ name: 'post' }], searched: 1 });
    expect(JSON.stringify(structuredContent)).not.toContain('"to"');
    const posted = await call('call_tool', { name: 'post', arguments: {} }, '/mcp/desk');
    expect(posted.content).toEqual([{ type: 'text', text: 'ran {"to":"desk"}' }]);
    await expect(call('call_tool', { name: 'mail__read' }, '/mcp/desk')).rejects.toThrow('Unknown tool: mail__read');
  });

  it('[mcp:search-known] an answer is known to the model plane, adds nothing to the run, and vouches for no value', async () => {
    const before = broker.state.remembered.length;
    await call('search_tools', { query: 'message' });
    const told = broker.state.remembered.slice(before);
    const digests = told.flatMap((one) => one.digests);
    expect(digests.length).toBeGreaterThan(0);
    for (const { label, tool } of digests) {
      expect(label?.trusted).toBe(true);
      expect(tool).toBe('search_tools');
    }
    expect(told.flatMap((one) => one.fingerprints)).toEqual([]);
  });
});
