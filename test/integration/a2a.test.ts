import { TaskState } from '@a2a-js/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeAgent, startFakeAgent } from '../fakes/agent.ts';
import { agentClient, says, taskFor, textsOf } from '../fakes/agent-client.ts';
import { httpClient } from '../support/http-client.ts';
import { TOOL_PLANE } from '../support/planes.ts';
import { eventually, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

const AGENT_KEY = 'agent-credential-canary-0123456789';
const TENANTS = ['red', 'blue'] as const;
type Tenant = (typeof TENANTS)[number];

let suite: TestSuite;
const agents = {} as Record<Tenant, FakeAgent>;
const keys = {} as Record<Tenant, { agent: string; reader: string; admin: string }>;

function house(namespace: Tenant, url: string): ResourceInit[] {
  const key = (name: string, spec: object) => ({
    kind: 'VirtualKey',
    name,
    spec: { owner: 'dana', targetSecret: { name: `key-${name}`, key: 'key' }, ...spec },
  });
  const resources: ResourceInit[] = [
    { kind: 'Secret', name: 'helper', stringData: { token: AGENT_KEY } },
    {
      kind: 'ToolServer',
      name: 'helper',
      spec: { agent: { url }, allowPrivateNetwork: true, credentials: { secretRef: { name: 'helper', key: 'token' } } },
    },
    { kind: 'AccessPolicy', name: 'all', spec: { subjects: { everyone: true }, tools: ['helper/*'] } },
    {
      kind: 'ToolPolicy',
      name: 'helper',
      spec: {
        mode: 'Enforce',
        tools: [{ server: 'helper', tool: '*' }],
        calls: [
          {
            name: 'no-secrets',
            when: "tool.name == 'send_message' && args.parts.exists(p, has(p.text) && p.text.contains('hunter2'))",
            action: 'Deny',
            reason: 'Secrets stay here.',
          },
          { name: 'rest', action: 'Allow', reason: 'The agent may be asked.' },
        ],
      },
    },
    key('agent', {}),
    key('reader', { tools: ['helper/get_task'] }),
    key('admin', { role: 'Admin' }),
  ];
  return resources.map((one) => ({ ...one, namespace }));
}

beforeAll(async () => {
  for (const tenant of TENANTS) agents[tenant] = await startFakeAgent({ name: `Helper of ${tenant}`, key: AGENT_KEY });
  suite = await suiteWith(
    TENANTS.flatMap((tenant) => house(tenant, agents[tenant].url)),
    { services: TOOL_PLANE },
  );
  for (const tenant of TENANTS) {
    const [agent, reader, admin] = await Promise.all(
      ['agent', 'reader', 'admin'].map((name) => suite.keyOf(tenant, name)),
    );
    keys[tenant] = { agent: agent as string, reader: reader as string, admin: admin as string };
    await eventually(
      () => httpClient(suite.endpoint, keys[tenant].agent).get('/a2a/helper/.well-known/agent-card.json'),
      ({ status }) => status === 200,
      15_000,
    );
  }
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await Promise.all(Object.values(agents).map((one) => one.close()));
}, 30_000);

describe('agents over the whole suite', () => {
  it.each(['1.0', '0.3'] as const)(
    '[a2a:end-to-end] the official client of revision %s talks, streams and looks at tasks',
    async (revision) => {
      const client = await agentClient(suite.endpoint, 'helper', keys.red.agent, revision);
      const task = await taskFor(client, 'task one two');
      expect(textsOf(task.artifacts[0]?.parts)).toEqual(['one two']);
      expect((await client.getTask({ tenant: '', id: task.id })).status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
      const words: string[] = [];
      for await (const { payload } of client.sendMessageStream(says('stream a b c'))) {
        if (payload?.$case === 'artifactUpdate') words.push(...textsOf(payload.value.artifact?.parts));
      }
      expect(words).toEqual(['a', 'b', 'c']);
      const more = await taskFor(client, 'ask again', { contextId: task.contextId });
      expect(more.contextId).toBe(task.contextId);
    },
  );

  it('[a2a:end-to-end] a rule reads the parts of a message, and intent and outcome stand in the records of the run', async () => {
    const client = await agentClient(suite.endpoint, 'helper', keys.red.agent);
    await expect(client.sendMessage(says('echo hunter2'))).rejects.toThrow('Secrets stay here.');
    expect(agents.red.heard).not.toContain('echo hunter2');
    const task = await taskFor(client, 'task recorded');
    const admin = httpClient(suite.endpoint, keys.red.admin);
    const run = await eventually(
      async () => (await admin.get(`/admin/v1/trajectories/${task.contextId}`)).json<{ records?: Recorded[] }>(),
      ({ records }) => (records ?? []).some(({ kind }) => kind === 'tool_outcome'),
    );
    const tools = (run.records ?? []).filter(({ kind }) => kind.startsWith('tool_'));
    expect(tools.map(({ kind, toolClass, endpoint }) => [kind, toolClass, endpoint])).toEqual([
      ['tool_intent', 'egress', 'a2a'],
      ['tool_outcome', 'egress', 'a2a'],
    ]);
  });

  it('[a2a:tenants] an agent of the same name in another tenant is another, and its tasks are not there', async () => {
    const mine = await taskFor(await agentClient(suite.endpoint, 'helper', keys.red.agent), 'task of red');
    const other = await agentClient(suite.endpoint, 'helper', keys.blue.agent);
    expect((await other.getAgentCard()).name).toBe('Helper of blue');
    await expect(other.getTask({ tenant: '', id: mine.id })).rejects.toThrow('no such task');
    const theirs = await taskFor(other, 'task of blue', { contextId: mine.contextId });
    expect(theirs.contextId).toBe(mine.contextId);
    expect(agents.red.heard).not.toContain('task of blue');
    const seen = agents.blue.requests.filter(({ body }) => body.includes('task of blue'));
    expect(seen.map(({ body }) => body.includes(mine.contextId))).toEqual([false]);
  });

  it('[a2a:access] a key that may only look at tasks sends nothing', async () => {
    const client = await agentClient(suite.endpoint, 'helper', keys.red.reader);
    await expect(client.sendMessage(says('echo x'))).rejects.toThrow('not yours');
    expect(agents.red.heard).not.toContain('echo x');
  });

  it('[a2a:tools] models and MCP clients have it as three tools', async () => {
    const { json } = await httpClient(suite.endpoint, keys.red.agent).send(
      'POST',
      '/mcp',
      { jsonrpc: '2.0', id: 1, method: 'tools/list' },
      { headers: { accept: 'application/json, text/event-stream' } },
    );
    const { tools } = json<{ result: { tools: { name: string }[] } }>().result;
    expect(tools.map(({ name }) => name)).toEqual(['helper__cancel_task', 'helper__get_task', 'helper__send_message']);
  });

  it('[a2a:protected-resource] says who issues tokens for it', async () => {
    const unknown = await fetch(`${suite.endpoint}/a2a/helper`, { method: 'POST' });
    const metadata = /resource_metadata="([^"]+)"/.exec(unknown.headers.get('www-authenticate') ?? '')?.[1] ?? '';
    expect([unknown.status, new URL(metadata).pathname]).toEqual([401, '/.well-known/oauth-protected-resource/a2a']);
    const told = (await (await fetch(`${suite.endpoint}${new URL(metadata).pathname}`)).json()) as object;
    expect(told).toMatchObject({ resource: expect.stringMatching(/\/a2a$/), scopes_supported: ['mcp'] });
  });
});

interface Recorded {
  readonly kind: string;
  readonly toolClass?: string;
  readonly endpoint?: string;
}
