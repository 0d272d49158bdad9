import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { says } from '../../../test/fakes/tool-answers.ts';
import { type FakeToolServer, startFakeToolServer } from '../../../test/fakes/tool-server.ts';
import { startBroker, type TestBroker } from './testing/broker.ts';

let server: FakeToolServer;
let broker: TestBroker;
let revision = 1;
const limits = { timeoutMs: 5_000 };
const ALL = ['support__report', 'support__mail__read', 'support__vault__open'];

beforeAll(async () => {
  const inputSchema = { type: 'object' as const, properties: { title: { type: 'string' } } };
  const run = says('ran');
  server = await startFakeToolServer({
    tools: [
      { name: 'create', description: 'Creates an issue.', inputSchema, run },
      { name: 'read', description: 'Reads messages.', inputSchema, run },
      { name: 'open', description: 'Opens the vault of messages.', inputSchema, run },
    ],
  });
  broker = await startBroker();
  const only = (name: string) => ({
    remote: { url: server.url },
    defaultClass: 'Read',
    tools: ['create', 'read', 'open'].filter((one) => one !== name).map((one) => ({ name: one, enabled: false })),
  });
  await broker.servers({ jira: only('create'), mail: only('read'), vault: only('open') });
  const tools = [
    { server: 'jira', tool: 'create', as: 'report', description: 'Reports a fault.' },
    { server: 'mail', tool: '*' },
    { server: 'vault', tool: '*' },
  ];
  await broker.toolsets({
    support: { mode: 'Search', title: 'Support', instructions: 'For the help desk.', tools },
    plain: { tools },
  });
}, 30_000);
afterAll(async () => {
  await broker?.close();
  await server?.close();
});
beforeEach(() => {
  broker.state.grants = ['*/*'];
  delete broker.state.lease;
});

const search = async (query: string, more: { among?: string[]; limit?: number; toolset?: string } = {}) => {
  const { among = ALL, limit = 10, toolset = 'support' } = more;
  const principal = broker.principal({ revision: `s${++revision}` });
  const answer = await broker.tools.searchTools({ principal, toolset, query, limit, among }, limits);
  return { ...answer, result: JSON.parse(answer.resultJson) as { tools: { name: string; description: string }[] } };
};

describe('the search of a toolset for the model plane', () => {
  it('[mcp:search-label] is asked for by the toolset alone, which says what models are told of it', async () => {
    const principal = broker.principal({ revision: 'a' });
    const list = (servers: string[]) => broker.tools.listTools({ principal, servers }, limits);
    const { searched, tools } = await list(['support', 'plain', 'jira']);
    expect(searched).toMatchObject([{ name: 'support', about: 'Support: For the help desk.' }]);
    expect(tools.map(({ exposedName }) => exposedName)).toEqual(expect.arrayContaining(ALL));
    broker.state.grants = ['none/*'];
    const nobody = broker.principal({ revision: 'b' });
    expect(await broker.tools.listTools({ principal: nobody, servers: ['support'] }, limits)).toMatchObject({
      tools: [],
      searched: [],
    });
  });

  it('[mcp:search-label] gives names, texts and schemas of the toolset, and what they cost beside the list', async () => {
    const { result, found, searched, tokens, tokensOfAll } = await search('report a fault', { limit: 1 });
    expect(result).toMatchObject({
      tools: [{ name: 'support__report', description: 'Reports a fault.', inputSchema: { type: 'object' } }],
      searched: 3,
    });
    expect([found, searched]).toEqual([['support__report'], 3]);
    expect(tokensOfAll).toBeGreaterThan(tokens);
    expect(tokens).toBeGreaterThan(10);
  });

  it('[mcp:search-label] finds nothing that is not theirs, nor anything that the model may not be shown', async () => {
    expect((await search('messages')).found).toEqual(['support__mail__read', 'support__vault__open']);
    broker.state.grants = ['mail/*', 'jira/*'];
    const theirs = await search('support__vault__open vault messages');
    expect(theirs).toMatchObject({ found: ['support__mail__read'], searched: 2 });
    expect(theirs.resultJson).not.toContain('vault');
    broker.state.grants = ['*/*'];
    const shown = await search('vault messages', { among: ['support__mail__read', 'mail__read', 'open'] });
    expect(shown).toMatchObject({ found: ['support__mail__read'], searched: 1 });
    expect(await search('messages', { toolset: 'nowhere' })).toMatchObject({ found: [], searched: 0 });
    expect(await search('messages', { toolset: 'mail', among: ['mail__read'] })).toMatchObject({ found: [] });
  });

  it('[mcp:search-label] is refused where it cannot be read, or a limit on searches is used up', async () => {
    for (const wrong of [search(''), search('x'.repeat(513)), search('x', { limit: 51 }), search('x', { limit: 0 })]) {
      await expect(wrong).rejects.toMatchObject({ code: 'invalid_request' });
    }
    const asked: unknown[] = [];
    const resetsAtMs = Date.now() + 30_000;
    const share = { leaseId: '1', limit: 'find/requests', dimension: 'requests', subject: 'user:a', limitValue: 10 };
    broker.state.lease = (subject) => {
      asked.push(subject?.tool);
      return { shares: [{ ...share, resetsAtMs, expiresAtMs: resetsAtMs, exhausted: true }], byTool: true };
    };
    const principal = broker.principal({ revision: 'l', id: 'key:limited' });
    const one = { principal, toolset: 'support', query: 'messages', limit: 1, among: ALL };
    await expect(broker.tools.searchTools(one, limits)).rejects.toMatchObject({ code: 'rate_limited' });
    expect(asked).toEqual(['sallyport/search_tools']);
  });
});
