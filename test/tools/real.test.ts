import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connected } from '../conformance/connected.ts';
import { ask, type McpCaller } from '../support/mcp-caller.ts';
import { eventually, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';
import { missing, outputOf, programs, type RealServer, startServer } from './installed.ts';

const SERVICES = [
  ...(['audit', 'vault', 'identity', 'operator', 'policy', 'quarantine', 'mcp-broker'] as const),
  ...(['console', 'mcp-host', 'egress-proxy'] as const),
];
const RUN_MS = 60_000;
const HERE = import.meta.dirname;

if (missing.length > 0) console.log(`skipped for want of a registry: ${missing.length} (${missing.join(', ')})`);
const has = (name: keyof typeof programs) => !missing.includes(name);
const itWith = (...names: (keyof typeof programs)[]) => (names.every(has) ? it : it.skip);

let suite: TestSuite;
let person: McpCaller;
const running: RealServer[] = [];
const files = mkdtempSync(join(tmpdir(), 'sallyport-tools-'));

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

/** A server of npm that speaks over standard input and output, as a child of the gate. */
const hosted = (name: string, args: string[], env: object[] = []): ResourceInit => ({
  kind: 'ToolServer',
  name,
  spec: { hosted: { image: 'example.com/none:1', command: [process.execPath], args, env }, defaultClass: 'Read' },
});

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
  if (has('filesystem')) resources.push(hosted('files', [programs.filesystem, files]));
  if (has('memory')) {
    const kept = { name: 'MEMORY_FILE_PATH', value: join(files, 'memory.jsonl') };
    resources.push(hosted('memory', [programs.memory], [kept]));
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
  rmSync(files, { recursive: true, force: true });
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

  itWith('filesystem')(
    '[tool:real-servers] hosts the filesystem server of npm, which reads and writes its folder and nothing beside it',
    async () => {
      writeFileSync(join(files, 'note.txt'), 'remember the milk');
      expect(await toolsOf('files')).toEqual(expect.arrayContaining(['files__read_text_file', 'files__write_file']));
      const client = await connected(person.url, person.key, '2026-07-28');
      const read = (path: string) => client.call('files__read_text_file', { path });
      expect(await read(join(files, 'note.txt'))).toBe('remember the milk');
      const made = await client.call('files__write_file', {
        path: join(files, 'made.txt'),
        content: 'made at the gate',
      });
      expect(made).toContain('Successfully wrote');
      expect(readFileSync(join(files, 'made.txt'), 'utf8')).toBe('made at the gate');
      expect(await read(`${HERE}/real.test.ts`)).toMatch(/^error .*denied/i);
      await client.close();
    },
    60_000,
  );

  itWith('memory')(
    '[tool:real-servers] hosts the memory server of npm, which keeps what it is told over calls and clients',
    async () => {
      expect(await toolsOf('memory')).toEqual(
        expect.arrayContaining(['memory__create_entities', 'memory__read_graph']),
      );
      const writer = await connected(person.url, person.key, '2025-11-25');
      const entities = [{ name: 'Kim', entityType: 'person', observations: ['likes tea'] }];
      expect(await writer.call('memory__create_entities', { entities })).toContain('likes tea');
      await writer.close();
      const reader = await connected(person.url, person.key, '2026-07-28');
      expect(await reader.call('memory__search_nodes', { query: 'tea' })).toContain('Kim');
      expect(await reader.call('memory__read_graph', {})).toContain('likes tea');
      await reader.close();
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
