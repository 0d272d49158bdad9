import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connected } from '../conformance/connected.ts';
import { ask, type McpCaller } from '../support/mcp-caller.ts';
import { eventually, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';
import { missing, outputOf, programs, type RealServer, startServer } from './installed.ts';

const SERVICES = ['audit', 'vault', 'identity', 'operator', 'policy', 'quarantine', 'mcp-broker'] as const;
const RUN_MS = 60_000;
const HERE = import.meta.dirname;

if (missing.length > 0) console.log(`skipped for want of a registry: ${missing.length} (${missing.join(', ')})`);
const has = (name: keyof typeof programs) => !missing.includes(name);
const itWith = (...names: (keyof typeof programs)[]) => (names.every(has) ? it : it.skip);

let suite: TestSuite;
let person: McpCaller;
const running: RealServer[] = [];

async function started(name: string, program: string, args: (port: number) => readonly string[], path: string) {
  const server = await startServer(program, args);
  running.push(server);
  const resource: ResourceInit = {
    kind: 'ToolServer',
    name,
    spec: { remote: { url: `${server.origin}${path}` }, allowPrivateNetwork: true, defaultClass: 'Read' },
  };
  return { resource, server };
}

async function api(): Promise<ResourceInit> {
  const server = await startServer(programs.python, (port) => [`${HERE}/api.py`, String(port)]);
  running.push(server);
  const { origin } = server;
  return {
    kind: 'ToolServer',
    name: 'orders',
    spec: {
      openApi: { url: origin, documentUrl: `${origin}/openapi.json` },
      allowPrivateNetwork: true,
      defaultClass: 'Read',
    },
  };
}

/** Tools of a server once it has any. */
const toolsOf = (server: string) =>
  eventually(
    async () =>
      ((await ask(person, 'tools/list')).result?.tools ?? [])
        .map(({ name }) => name)
        .filter((name) => name.startsWith(`${server}__`)),
    (names) => names.length > 0,
    30_000,
  );

beforeAll(async () => {
  const resources: ResourceInit[] = [];
  if (has('everything')) {
    const args = () => [programs.everything, 'streamableHttp'];
    resources.push((await started('everything', process.execPath, args, '/mcp')).resource);
  }
  if (has('python')) {
    const args = (port: number) => [`${HERE}/server.py`, String(port)];
    resources.push((await started('python', programs.python, args, '/mcp')).resource, await api());
  }
  if (has('pythonOlder')) {
    const args = (port: number) => [`${HERE}/server.py`, String(port)];
    resources.push((await started('fastmcp', programs.pythonOlder, args, '/mcp')).resource);
  }
  suite = await suiteWith(
    [
      ...resources,
      {
        kind: 'AccessPolicy',
        name: 'all',
        spec: { subjects: { everyone: true }, tools: ['*/*'], resources: ['*/*'], prompts: ['*/*'] },
      },
      { kind: 'VirtualKey', name: 'dana', spec: { owner: 'dana', targetSecret: { name: 'dana-key', key: 'key' } } },
    ],
    { services: SERVICES, overrides: { 'mcp-broker': { catalog: { refreshInterval: '500ms' } } } },
  );
  const key = await suite.keyOf('default', 'dana');
  person = { key, url: `${suite.endpoint}/mcp`, revision: '2026-07-28' };
}, 180_000);
afterAll(async () => {
  await suite?.end();
  await Promise.all(running.map((server) => server.stop()));
}, 60_000);

describe('real tool servers behind the gate', () => {
  itWith('everything')(
    '[tool:real-servers] uses the everything server of npm',
    async () => {
      expect(await toolsOf('everything')).toContain('everything__echo');
      const client = await connected(person.url, person.key, '2025-11-25');
      expect(await client.call('everything__echo', { message: 'hello' })).toBe('Echo: hello');
      await client.close();
    },
    60_000,
  );

  const lines = [
    ['python', 'python', 'of 2.x'],
    ['pythonOlder', 'fastmcp', 'of 1.x, FastMCP'],
  ] as const;
  for (const [program, server, line] of lines) {
    const name = `[tool:real-servers] uses a server of the Python SDK ${line}`;
    const uses = async () => {
      expect(await toolsOf(server)).toEqual([`${server}__add`]);
      const client = await connected(person.url, person.key, '2026-07-28');
      expect(await client.call(`${server}__add`, { a: 2, b: 3 })).toBe('5');
      await client.close();
      const { result } = await ask(person, 'prompts/get', { name: `${server}__greet`, arguments: { name: 'Bo' } });
      expect(JSON.stringify(result)).toContain('Say hello to Bo.');
    };
    itWith(program)(name, uses, 60_000);
  }

  itWith('python')(
    '[tool:real-servers] uses an API of FastAPI by its OpenAPI document',
    async () => {
      expect(await toolsOf('orders')).toEqual(['orders__make_order', 'orders__read_order']);
      const client = await connected(person.url, person.key, '2025-11-25');
      const read = await client.call('orders__read_order', { number: 7, verbose: true });
      expect(read).toContain('"number":7');
      await client.close();
    },
    60_000,
  );
});

describe('real clients before the gate', () => {
  for (const revision of ['2025-11-25', '2026-07-28']) {
    itWith('python')(`[tool:real-clients] serves the official TypeScript client of ${revision}`, async () => {
      const client = await connected(person.url, person.key, revision);
      expect((await client.tools()).map(({ name }) => name)).toContain('python__add');
      expect(await client.call('python__add', { a: 20, b: 22 })).toBe('42');
      await client.close();
    });
  }

  const clients = [
    ['python', '2026-07-28'],
    ['pythonOlder', '2025-11-25'],
  ] as const;
  for (const [program, revision] of clients) {
    const serves = async () => {
      const args = [`${HERE}/client.py`, person.url, person.key, 'python__add', '{"a": 40, "b": 2}'];
      const found = JSON.parse(await outputOf(programs[program], args, RUN_MS)) as { tools: string[] };
      expect(found).toMatchObject({ text: '42', revision });
      expect(found.tools).toContain('python__add');
    };
    itWith('python', program)(`[tool:real-clients] serves the Python SDK at ${revision}`, serves, 90_000);
  }

  itWith('python', 'inspector')(
    "[tool:real-clients] serves the inspector's CLI",
    async () => {
      const cli = [programs.inspector, '--cli', person.url, '--transport', 'http'];
      const header = ['--header', `Authorization: Bearer ${person.key}`];
      const list = await outputOf(process.execPath, [...cli, '--method', 'tools/list', ...header], RUN_MS);
      expect(list).toContain('"python__add"');
      const call = ['--method', 'tools/call', '--tool-name', 'python__add', '--tool-arg', 'a=1', '--tool-arg', 'b=2'];
      const answer = await outputOf(process.execPath, [...cli, ...call, ...header], RUN_MS);
      expect(answer).toMatch(/"text": ?"3"/);
    },
    150_000,
  );
});
