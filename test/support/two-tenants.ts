import { afterAll, beforeAll } from '@jest/globals';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { says } from '../fakes/tool-answers.ts';
import { type FakeToolServer, startFakeToolServer } from '../fakes/tool-server.ts';
import { type HttpAnswer, type HttpClient, httpClient } from './http-client.ts';
import { BOTH_PLANES } from './planes.ts';
import { eventually, PRICE, type ResourceInit, suiteWith, type TestSuite } from './suite.ts';

/** A tenant: two have the same names of everything, and one model and tool server each that the other has not. */
export interface Side {
  readonly tenant: string;
  readonly provider: FakeProvider;
  readonly tools: FakeToolServer;
  readonly agent: HttpClient;
  readonly limited: HttpClient;
  readonly writer: HttpClient;
  readonly admin: HttpClient;
  readonly agentSecret: string;
}

interface Record_ {
  readonly kind: string;
  readonly errorCode?: string;
  readonly model?: string;
  readonly label: { readonly trusted: boolean };
  readonly detail?: { readonly foreignTrajectory?: string };
}
/** A page of a list. */
export interface Page<T> {
  readonly items: T[];
}
/** A condition of a resource. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message: string;
}
/** A key as the admin API tells it. */
export interface Key {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

const NAMES = ['red', 'blue'] as const;
type Name = (typeof NAMES)[number];
/** An id that nobody has. */
export const NOBODY = '01900000-0000-7000-8000-000000000000';
/** A function of the client's own. */
export const FUNCTION = { type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } };

/** A function of the client's own that a rule asks about. */
export const ASKED_FUNCTION = { type: 'function', function: { name: 'tell', parameters: { type: 'object' } } };

/** The suite that `withTwoTenants` started. */
export let suite: TestSuite;
/** Its tenants by name. */
export const sides = {} as Record<Name, Side>;

/** Gives a test file a suite with two tenants that have the same names of everything. */
export function withTwoTenants(): void {
  beforeAll(async () => {
    const fakes = await Promise.all(NAMES.map(startFakes));
    suite = await suiteWith(
      fakes.flatMap(({ tenant, provider, tools }) => house(tenant, provider.openAiUrl, tools.url)),
      { services: BOTH_PLANES },
    );
    for (const { tenant, provider, tools } of fakes) {
      const keyOf = (name: string) => suite.keyOf(tenant, name);
      const agentSecret = await keyOf('agent');
      sides[tenant] = {
        tenant,
        provider,
        tools,
        agentSecret,
        agent: httpClient(suite.endpoint, agentSecret),
        limited: httpClient(suite.endpoint, await keyOf('limited')),
        writer: httpClient(suite.endpoint, await keyOf('writer')),
        admin: httpClient(suite.endpoint, await keyOf('admin')),
      };
      await eventually(
        () => sides[tenant].agent.chat('chat'),
        ({ status }) => status === 200,
        15_000,
      );
      await eventually(
        async () => toolNames(await rpc(sides[tenant].agent, 'tools/list')),
        (names) => names.length === 3,
        15_000,
      );
    }
  }, 120_000);

  afterAll(async () => {
    await suite?.end();
    for (const side of Object.values(sides)) await Promise.all([side.provider.close(), side.tools.close()]);
  }, 30_000);
}

/** The records of a run, as soon as one of them is as wanted. */
export async function recordsOf(
  { admin }: Side,
  trajectory: string,
  wanted = (_: Record_) => true,
): Promise<Record_[]> {
  return await eventually(
    async () => {
      const answer = await admin.get(`/admin/v1/trajectories/${trajectory}`);
      return answer.status === 200 ? answer.json<{ records: Record_[] }>().records : [];
    },
    (records) => records.some(wanted),
  );
}

/** A request at `/mcp`. */
export function rpc(client: HttpClient, method: string, params: object = {}, headers: Record<string, string> = {}) {
  return client.send(
    'POST',
    '/mcp',
    { jsonrpc: '2.0', id: 1, method, params },
    { headers: { accept: 'application/json, text/event-stream', ...headers } },
  );
}

/** Names in an answer to `tools/list`. */
export function toolNames(answer: HttpAnswer): string[] {
  const { result } = answer.json<{ result?: { tools: { name: string }[] } }>();
  return (result?.tools ?? []).map(({ name }) => name).sort();
}

/** A tenant's key at its provider. */
export const providerKey = (tenant: string) => `provider-key-of-${tenant}-0123456789`;
/** The key of its tool server. */
export const toolKey = (tenant: string) => `tool-key-of-${tenant}-0123456789`;

async function startFakes(tenant: Name) {
  const provider = await startFakeProvider({ key: providerKey(tenant) });
  provider.script('chat', { text: `${tenant} speaking` });
  const tools = await startFakeToolServer({
    key: toolKey(tenant),
    tools: [
      { name: 'read_note', run: says(`a note of ${tenant}`) },
      { name: 'write_note', run: says('written') },
    ],
  });
  return { tenant, provider, tools };
}

function house(tenant: Name, providerUrl: string, toolsUrl: string): ResourceInit[] {
  const secret = (name: string, value: string) => ({ kind: 'Secret', name, stringData: { key: value } });
  const model = (name: string, upstream = name) => ({
    kind: 'Model',
    name,
    spec: { targets: [{ provider: 'main', model: upstream }], price: PRICE, retry: { attempts: 0 } },
  });
  const toolServer = (name: string, tools: object[]) => ({
    kind: 'ToolServer',
    name,
    spec: {
      remote: { url: toolsUrl },
      allowPrivateNetwork: true,
      credentials: { secretRef: { name: 'tools', key: 'key' } },
      tools,
    },
  });
  const key = (name: string, fields: object = {}) => ({
    kind: 'VirtualKey',
    name,
    spec: { owner: 'dana', client: 'app', targetSecret: { name: `key-${name}`, key: 'key' }, ...fields },
  });
  const read = { name: 'read_note', class: 'Read' };
  const own = toolServer(`${tenant}-notes`, [read, { name: 'write_note', class: 'Write', enabled: false }]);
  const resources: ResourceInit[] = [
    secret('provider', providerKey(tenant)),
    secret('tools', toolKey(tenant)),
    {
      kind: 'ModelProvider',
      name: 'main',
      spec: {
        type: 'openai-compatible',
        baseURL: providerUrl,
        allowPrivateNetwork: true,
        credentials: { secretRef: { name: 'provider', key: 'key' } },
      },
    },
    {
      kind: 'ModelProvider',
      name: 'brought',
      spec: {
        type: 'openai-compatible',
        baseURL: providerUrl,
        allowPrivateNetwork: true,
        credentials: { perPrincipal: { order: ['User'] } },
      },
    },
    ...['chat', 'echo', 'looks'].map((name) => model(name)),
    model(`${tenant}-only`, 'echo'),
    toolServer('notes', [read, { name: 'write_note', class: 'Write' }]),
    own,
    {
      kind: 'AccessPolicy',
      name: 'all',
      spec: {
        subjects: { everyone: true },
        models: ['*'],
        tools: ['*/*'],
        passthrough: [{ provider: 'main', methods: ['GET'], paths: ['/models'] }],
      },
    },
    {
      kind: 'ToolPolicy',
      name: 'telling',
      spec: {
        mode: 'Enforce',
        clientTools: [{ client: 'app', tool: 'tell' }],
        class: 'Write',
        calls: [{ name: 'whom', when: '!known(args.to)', action: 'Ask', reason: 'Nobody vouches for it.' }],
      },
    },
    key('agent'),
    key('limited'),
    // Of another person: a Member sees the runs of all keys of their own.
    key('writer', { owner: 'erin' }),
    key('admin', { role: 'Admin' }),
    {
      kind: 'Limit',
      name: 'few',
      spec: { match: { keys: ['limited'] }, per: 'User', requests: 2, window: '720h' },
    },
  ];
  if (tenant === 'red') {
    resources.push({
      kind: 'ToolPolicy',
      name: 'no-writing',
      spec: {
        mode: 'Enforce',
        tools: [{ server: 'notes', tool: 'write_note' }],
        calls: [{ name: 'never', action: 'Deny', reason: 'Nobody writes here.' }],
      },
    });
  }
  return resources.map((resource) => ({ ...resource, namespace: tenant }));
}
