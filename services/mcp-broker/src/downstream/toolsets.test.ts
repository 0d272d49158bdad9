import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker } from '../testing/broker.ts';

const issue = {
  type: 'object' as const,
  properties: {
    project: { type: 'string' },
    title: { type: 'string' },
    priority: { type: 'string', enum: ['low', 'high', 'urgent'] },
    notify: { type: 'array', items: { type: 'string' } },
  },
  required: ['project', 'title'],
};

let server: FakeToolServer;
let broker: TestBroker;
const seen: Record<string, unknown>[] = [];

beforeAll(async () => {
  const echo = (args: Record<string, unknown>) => {
    seen.push(args);
    return { content: [{ type: 'text' as const, text: `made ${JSON.stringify(args)}` }] };
  };
  server = await startFakeToolServer({
    tools: [
      { name: 'create_issue', description: 'Creates an issue.', inputSchema: issue, run: echo },
      { name: 'list_issues', run: echo },
      { name: 'delete_issue', run: echo },
    ],
  });
  broker = await startBroker();
  await broker.servers({
    jira: { remote: { url: server.url }, defaultClass: 'Write' },
    'rival/jira': { remote: { url: server.url }, defaultClass: 'Write' },
  });
  await broker.toolsets({
    support: {
      title: 'Support desk',
      instructions: 'Issues of the support desk alone.',
      tools: [
        {
          server: 'jira',
          tool: 'create_issue',
          as: 'report',
          description: 'Reports a problem of a customer.',
          arguments: [
            { name: 'project', fixed: 'SUP' },
            { name: 'priority', oneOf: ['low', 'high'] },
            { name: 'title', maxLength: 20 },
            { name: 'notify', hidden: true },
          ],
        },
        { server: 'jira', tool: 'list_*' },
        { server: 'jira', tool: 'delete_issue', as: 'report-gone', arguments: [{ name: 'nowhere', hidden: true }] },
      ],
    },
    elsewhere: { tools: [{ server: 'absent', tool: '*' }] },
    'rival/theirs': { tools: [{ server: 'jira', tool: '*' }] },
  });
}, 30_000);
afterAll(async () => {
  await broker?.close();
  await server?.close();
});
beforeEach(() => {
  seen.length = 0;
  broker.state.grants = ['jira/*'];
  broker.state.decided.length = 0;
  broker.state.decideCall = () => ({ verdict: Action.ALLOW });
});

async function modern(path: string, key = KEYS.alice): Promise<Client> {
  const client = new Client({ name: 'desk', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  const headers = { authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(broker.url + path), { requestInit: { headers } }));
  return client;
}

const call = async (name: string, args: Record<string, unknown>) => {
  const client = await modern('/mcp/support');
  try {
    return await client.callTool({ name, arguments: args });
  } finally {
    await client.close();
  }
};

describe('a toolset', () => {
  it('[mcp:toolset] is a server of its own: picked, renamed and narrowed, for clients of both lines', async () => {
    const client = await modern('/mcp/support');
    expect(client.getInstructions()).toBe('Issues of the support desk alone.');
    const { tools } = await client.listTools();
    await client.close();
    expect(tools.map(({ name }) => name)).toEqual(['jira__list_issues', 'report']);
    const report = tools[1];
    expect(report?.description).toBe('Reports a problem of a customer.');
    expect(report?.inputSchema).toEqual({
      type: 'object',
      properties: {
        title: { type: 'string', allOf: [{ maxLength: 20 }] },
        priority: { type: 'string', enum: ['low', 'high', 'urgent'], allOf: [{ enum: ['low', 'high'] }] },
      },
      required: ['title'],
    });

    const older = new OlderClient({ name: 'desk', version: '1' });
    const requestInit = { headers: { authorization: `Bearer ${KEYS.alice}` } };
    const transport = new OlderTransport(new URL(`${broker.url}/mcp/support`), { requestInit });
    await older.connect(transport as Parameters<OlderClient['connect']>[0]);
    expect(older.getServerVersion()?.title).toBe('Support desk');
    expect((await older.listTools()).tools.map(({ name }) => name)).toEqual(['jira__list_issues', 'report']);
    await older.callTool({ name: 'report', arguments: { title: 'it is broken' } });
    await older.close();
    expect(seen).toEqual([{ title: 'it is broken', project: 'SUP' }]);
  });

  it('[mcp:toolset-sets] sets what is fixed, and refuses what callers may not say', async () => {
    await call('report', { title: 'broken', priority: 'high' });
    expect(seen).toEqual([{ title: 'broken', priority: 'high', project: 'SUP' }]);
    const refusals: [Record<string, unknown>, RegExp][] = [
      [{ title: 'broken', project: 'OPS' }, /argument project is not for callers/],
      [{ title: 'broken', notify: ['eve@evil.example'] }, /argument notify is not for callers/],
      [{ title: 'broken', priority: 'urgent' }, /argument priority has a value/],
      [{ title: 'x'.repeat(21) }, /argument title has more than 20/],
    ];
    for (const [args, why] of refusals) await expect(call('report', args)).rejects.toThrow(why);
    expect(seen).toHaveLength(1);
  });

  it('[mcp:toolset-policy] is decided on as the tool itself, with what was fixed as of known origin', async () => {
    await call('report', { title: 'broken' });
    const decided = broker.state.decided[0]?.call;
    expect(decided?.tool).toMatchObject({ server: 'jira', name: 'create_issue' });
    const of = (pointer: string) => decided?.origins.find((one) => one.pointer === pointer);
    expect(of('/project')).toMatchObject({ origin: 'result', from: 'toolset/support', label: { trusted: true } });
    expect(of('/title')).toMatchObject({ origin: 'unknown', from: '' });
  });

  it('[mcp:toolset-bounds] has nothing beside what it picks, and grants nothing', async () => {
    for (const name of ['jira__create_issue', 'jira__delete_issue', 'report-gone', 'absent']) {
      await expect(call(name, { project: 'SUP', title: 'x' })).rejects.toThrow(/Unknown tool/);
    }
    broker.state.grants = ['jira/list_issues'];
    const bob = await modern('/mcp/support', KEYS.bob);
    expect((await bob.listTools()).tools.map(({ name }) => name)).toEqual(['jira__list_issues']);
    await expect(bob.callTool({ name: 'report', arguments: { title: 'x' } })).rejects.toThrow(/Unknown tool/);
    await bob.close();
    expect(seen).toEqual([]);
  });

  it('[mcp:toolset-unknown] looks absent where it is none, another tenant’s, or without anything for who asks', async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const ask = async (name: string, key: string) => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const answer = await fetch(`${broker.url}/mcp/${name}`, { method: 'POST', headers, body });
      return [answer.status, (await answer.text()).replace(/"id":[^,}]*/, '')];
    };
    const absent = await ask('nothing', KEYS.alice);
    expect(absent[0]).toBe(404);
    for (const name of ['theirs', 'elsewhere', 'constructor']) {
      expect(await ask(name, KEYS.alice)).toEqual(absent);
    }
    expect(await ask('support', KEYS.rival)).toEqual(absent);
    broker.state.grants = ['mail/*'];
    expect(await ask('support', KEYS.carol)).toEqual(absent);
    const anybody = await fetch(`${broker.url}/mcp/support`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(anybody.status).toBe(401);
    expect(anybody.headers.get('www-authenticate')).toContain('/.well-known/oauth-protected-resource/mcp"');
  });
});
