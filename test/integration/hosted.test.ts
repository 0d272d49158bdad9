import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { admin, eventually, suiteWith, type TestSuite } from '../support/suite.ts';

const host = fileURLToPath(new URL('../../services/mcp-host/package.json', import.meta.url));
const everything = join(
  dirname(createRequire(host).resolve('@modelcontextprotocol/server-everything/package.json')),
  'dist/index.js',
);
const telling = fileURLToPath(new URL('../../services/mcp-host/src/testing/telling.mjs', import.meta.url));
const ROBIN = 'a-key-of-robin-of-twenty-and-more';
const hostile = fileURLToPath(new URL('../cluster/hosted/hostile.mjs', import.meta.url));
const server = (name: string, args: string[], more: object = {}) => ({
  kind: 'ToolServer',
  name,
  spec: { hosted: { image: 'example.com/none:1', command: [process.execPath], args, ...more }, defaultClass: 'Read' },
});

interface Status {
  readonly conditions?: readonly { type: string; status: string; reason: string }[];
  readonly egress?: { readonly refused: number };
}

let suite: TestSuite;
beforeAll(async () => {
  suite = await suiteWith(
    [
      { kind: 'AccessPolicy', name: 'everyone', spec: { subjects: { everyone: true }, models: ['*'], tools: ['*/*'] } },
      { kind: 'VirtualKey', name: 'demo', spec: { owner: 'dana', targetSecret: { name: 'demo-key', key: 'key' } } },
      {
        kind: 'VirtualKey',
        name: 'admin',
        spec: { owner: 'ada', role: 'Admin', targetSecret: { name: 'admin-key', key: 'key' } },
      },
      {
        kind: 'Secret',
        name: 'tokens',
        stringData: { lists: 'canary-of-nobody', 'user.dana': 'canary-of-dana', 'user.robin': 'canary-of-robin' },
      },
      server('own', [telling], {
        isolation: 'PerPrincipal',
        env: [{ name: 'TOKEN', secretRef: { name: 'tokens', key: 'lists' }, perPrincipal: true }],
      }),
      { kind: 'Secret', name: 'token', stringData: { key: 'canary-of-a-secret' } },
      server('everything', [everything, 'stdio'], {
        env: [{ name: 'TOKEN', secretRef: { name: 'token', key: 'key' } }],
      }),
      server('asking', [everything, 'stdio'], { isolation: 'PerPrincipal' }),
      server('hostile', [hostile]),
    ],
    {
      services: [
        ...(['audit', 'vault', 'identity', 'operator', 'policy', 'quarantine'] as const),
        ...(['mcp-broker', 'console', 'mcp-host', 'egress-proxy'] as const),
      ],
    },
  );
}, 90_000);
afterAll(() => suite?.end());

const statusOf = async (wanted: string): Promise<Status> => {
  const { items } = await admin<{ items: { name: string; status: Status }[] }>(suite, 'resources?kind=ToolServer');
  return items.find(({ name }) => name === wanted)?.status ?? {};
};
const reasonOf = ({ conditions }: Status, of: string) => {
  const found = conditions?.find(({ type }) => type === of);
  return `${found?.status} ${found?.reason}`;
};

describe('hosted tool servers without a cluster', () => {
  it('[hosted:bridge] [hosted:egress-record] are called through the gate as child processes, and their way out is the proxy', async () => {
    const client = new Client({ name: 'test', version: '0' });
    const requestInit = { headers: { authorization: `Bearer ${suite.key}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${suite.endpoint}/mcp`), { requestInit }));
    const call = (name: string, args: object) =>
      client
        .callTool({ name, arguments: args as Record<string, unknown> })
        .catch((error: Error) => ({ isError: true, content: [error.message], structuredContent: undefined }));
    const echoed = await eventually(
      () => call('everything__echo', { message: 'hello' }),
      ({ isError }) => isError !== true,
      20_000,
    );
    expect(JSON.stringify(echoed.content)).toContain('hello');
    const tried = await eventually(
      () => call('hostile__attempt', { targets: ['169.254.169.254:80', 'evil.example:443'] }),
      ({ isError }) => isError !== true,
      20_000,
    );
    expect(tried.structuredContent).toMatchObject({ proxy: { '169.254.169.254:80': 403, 'evil.example:443': 403 } });
    await client.close();
    const status = await eventually(
      () => statusOf('hostile'),
      ({ egress }) => (egress?.refused ?? 0) >= 2,
      10_000,
    );
    expect(reasonOf(status, 'Deployed')).toBe('True Unsandboxed');
    expect(reasonOf(status, 'EgressEnforced')).toBe('False Unsandboxed');
    for (const name of ['mcp-host', 'egress-proxy', 'operator', 'mcp-broker']) {
      expect(readFileSync(join(suite.data, 'logs', `${name}.log`), 'utf8')).not.toContain('canary-of-a-secret');
    }
  }, 60_000);

  it('[hosted:asks] ask the person of a call, from a process for all and from one of their own', async () => {
    const asked: string[] = [];
    const requestInit = { headers: { authorization: `Bearer ${suite.key}` } };
    for (const name of ['everything', 'asking']) {
      // A run each: what one server answered may not go to another one.
      const client = new Client({ name: 'test', version: '0' }, { capabilities: { elicitation: { form: {} } } });
      client.setRequestHandler('elicitation/create', () => {
        asked.push(name);
        return { action: 'accept', content: { name: 'Dana' } };
      });
      await client.connect(new StreamableHTTPClientTransport(new URL(`${suite.endpoint}/mcp`), { requestInit }));
      const call = () => client.callTool({ name: `${name}__trigger-elicitation-request`, arguments: {} });
      const answer = await eventually(
        () => call().catch((error: Error) => ({ isError: true, content: [error.message] })),
        ({ isError }) => isError !== true,
        20_000,
      );
      expect(JSON.stringify(answer.content)).toContain('Dana');
      await client.close();
    }
    expect(asked).toEqual(['everything', 'asking']);
  }, 60_000);

  it('[hosted:per-principal] serve each principal from a process of its own through the gate, which ends with its key', async () => {
    suite.apply('robin', [
      { kind: 'VirtualKey', name: 'robin', spec: { owner: 'robin', secretRef: { name: 'robin-key', key: 'key' } } },
      { kind: 'Secret', name: 'robin-key', stringData: { key: ROBIN } },
    ]);
    const connected = async (key: string) => {
      const client = new Client({ name: 'test', version: '0' });
      const requestInit = { headers: { authorization: `Bearer ${key}` } };
      const connect = () =>
        client.connect(new StreamableHTTPClientTransport(new URL(`${suite.endpoint}/mcp`), { requestInit })).then(
          () => true,
          () => false,
        );
      await eventually(connect, (done) => done, 20_000);
      const tell = async (word: string) => {
        const { structuredContent } = await client.callTool({ name: 'own__tell', arguments: { word } });
        return structuredContent as { pid: number; token: string; told: string[]; kept: string[] };
      };
      await eventually(
        () => client.listTools(),
        ({ tools }) => tools.some(({ name }) => name === 'own__tell'),
        20_000,
      );
      return { client, tell };
    };
    const [dana, robin] = await Promise.all([connected(suite.key), connected(ROBIN)]);
    const said = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const [name, one] = at % 2 === 0 ? (['dana', dana] as const) : (['robin', robin] as const);
        return { name, ...(await one.tell(`canary ${name} ${at}`)) };
      }),
    );
    for (const { name, token, told, kept } of said) {
      expect(token).toBe(`canary-of-${name}`);
      for (const word of [...told, ...kept]) expect(word).toContain(`canary ${name}`);
    }
    const pids = new Map(said.map(({ name, pid }) => [name, pid]));
    expect(new Set(said.map(({ pid }) => pid)).size).toBe(2);
    suite.remove('robin');
    await eventually(
      async () => isAlive(pids.get('robin')),
      (alive) => !alive,
      20_000,
    );
    expect((await dana.tell('canary dana still')).pid).toBe(pids.get('dana'));
    await Promise.allSettled([dana.client.close(), robin.client.close()]);
  }, 60_000);
});

function isAlive(pid: number | undefined): boolean {
  try {
    return process.kill(pid ?? 0, 0);
  } catch {
    return false;
  }
}
