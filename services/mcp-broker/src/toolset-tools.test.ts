import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeToolServer, startFakeToolServer } from '../../../test/fakes/tool-server.ts';
import { startBroker, type TestBroker, untilTrue } from './testing/broker.ts';

let server: FakeToolServer;
let broker: TestBroker;
const inputSchema = {
  type: 'object' as const,
  properties: { project: { type: 'string' }, priority: { type: 'string' }, notify: { type: 'string' } },
};
const limits = { timeoutMs: 5_000 };

beforeAll(async () => {
  const run = (args: Record<string, unknown>) => ({ content: [{ type: 'text' as const, text: JSON.stringify(args) }] });
  server = await startFakeToolServer({
    tools: [
      { name: 'create', description: 'Creates.', inputSchema, run },
      { name: 'delete', inputSchema, run },
    ],
  });
  broker = await startBroker();
  const tools = [{ name: 'delete', class: 'Write', enabled: false }];
  await broker.servers({ jira: { remote: { url: server.url }, defaultClass: 'Write', tools } });
  const args = [
    { name: 'project', fixed: 'SUP' },
    { name: 'priority', oneOf: ['low', 'high'] },
    { name: 'notify', hidden: true },
  ];
  await broker.toolsets({
    support: { tools: [{ server: 'jira', tool: 'create', as: 'report', description: 'Reports.', arguments: args }] },
    broken: {
      tools: [
        { server: 'jira', tool: 'create', as: 'one' },
        { server: 'jira', tool: 'create', as: 'one' },
        { server: 'jira', tool: 'created' },
        { server: 'jira', tool: 'list_*' },
        { server: 'jira', tool: 'delete' },
        { server: 'jira', tool: 'create', as: 'two', arguments: [{ name: 'nowhere', hidden: true }] },
      ],
    },
    early: { tools: [{ server: 'later', tool: '*' }] },
  });
}, 30_000);
afterAll(async () => {
  await broker?.close();
  await server?.close();
});

describe('toolsets of the model plane', () => {
  it('[mcp:toolset-label] are listed by their name as servers are, with their own texts and what they set', async () => {
    const { tools } = await broker.tools.listTools({ principal: broker.principal(), servers: ['support'] }, limits);
    expect(tools).toMatchObject([
      {
        ref: { server: 'jira', name: 'create' },
        exposedName: 'support__report',
        description: 'Reports.',
        toolset: 'support',
        setArgumentsJson: '{"project":"SUP"}',
      },
    ]);
    expect(Object.keys(JSON.parse(tools[0]?.inputSchemaJson ?? '{}').properties)).toEqual(['priority']);
    const all = await broker.tools.listTools({ principal: broker.principal(), servers: [] }, limits);
    expect(all.tools.map(({ exposedName, toolset }) => [exposedName, toolset])).toEqual([['jira__create', '']]);
    broker.state.grants = ['mail/*'];
    const none = await broker.tools.listTools(
      { principal: broker.principal({ revision: '2' }), servers: ['support'] },
      limits,
    );
    expect(none).toMatchObject({ tools: [], unavailable: [] });
    broker.state.grants = ['*/*'];
  });

  it('[mcp:toolset-label] are held to what they allow where a decided call is made', async () => {
    const principal = broker.principal({ revision: '3' });
    const { tools } = await broker.tools.listTools({ principal, servers: ['support'] }, limits);
    const make = (args: object, exposedName = 'support__report') =>
      broker.tools.execute(
        {
          principal,
          tool: tools[0]?.ref,
          toolset: 'support',
          exposedName,
          argumentsJson: JSON.stringify(args),
        } as never,
        limits,
      );
    expect((await make({ project: 'SUP', priority: 'low' })).isError).toBe(false);
    expect(server.calls).toEqual([{ name: 'create', arguments: { project: 'SUP', priority: 'low' } }]);
    for (const args of [
      { project: 'SUP', priority: 'urgent' },
      { project: 'SUP', notify: 'all' },
    ]) {
      const refused = await make(args);
      expect(refused.isError).toBe(true);
      expect(refused.resultJson).toContain('[invalid_arguments]');
    }
    await expect(make({ project: 'OTHER' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(make({ project: 'SUP' }, 'support__other')).rejects.toMatchObject({ code: 'conflict' });
    expect(server.calls).toHaveLength(1);
  });

  it('[mcp:toolset-status] tell of each pick that offers nothing why, and what their list costs', async () => {
    await untilTrue(() => broker.observations.has('broken') && broker.observations.has('support'));
    const [condition] = broker.observations.get('broken')?.conditions ?? [];
    expect(condition).toMatchObject({ type: 'ResolvedRefs', status: 'False', reason: 'PickNotOffered' });
    expect(condition?.message.split('; ')).toEqual([
      'spec.tools[1]: the name one is given before',
      'spec.tools[2]: ToolServer jira has no tool created',
      'spec.tools[3]: ToolServer jira has no tool list_*',
      'spec.tools[4]: jira/delete is not offered: it is not enabled',
      'spec.tools[5]: jira/create has no argument nowhere',
    ]);
    expect(broker.observations.get('support')?.conditions).toMatchObject([{ type: 'ResolvedRefs', status: 'True' }]);
    const { toolCount, definitionTokens } = JSON.parse(broker.observations.get('support')?.statusJson ?? '{}');
    expect(toolCount).toBe(1);
    expect(definitionTokens).toBeGreaterThan(20);
    // Of a server that nobody has listed nothing is known, and nothing said.
    expect(broker.observations.has('early')).toBe(false);
  });
});
