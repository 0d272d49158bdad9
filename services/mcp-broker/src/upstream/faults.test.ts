import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type FakeToolServer,
  type FakeToolServerOptions,
  startFakeToolServer,
} from '../../../../test/fakes/tool-server.ts';
import { startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';

const timeoutMs = 5_000;
let broker: TestBroker;
let server: FakeToolServer;

beforeEach(async () => {
  broker = await startBroker({ request: { maxResultBytes: 50_000 } });
});
afterEach(async () => {
  await broker.close();
  await server?.close();
});

const echo = {
  name: 'echo',
  run: (args: Record<string, unknown>) => ({ content: [{ type: 'text' as const, text: JSON.stringify(args) }] }),
};
const begin = async (options: FakeToolServerOptions = {}, spec: object = {}) => {
  server = await startFakeToolServer({ tools: [echo], ...options });
  await broker.servers({ s: { remote: { url: server.url }, ...spec } });
};
const list = async () =>
  (await broker.tools.listTools({ principal: broker.principal(), servers: ['s'] }, { timeoutMs })).tools;
const run = async (args = '{"a":1}', over: object = {}, who = broker.principal()) => {
  const [tool] = await list();
  const ref = { ...tool?.ref, ...over };
  return await broker.tools.execute({ principal: who, tool: ref as never, argumentsJson: args }, { timeoutMs });
};
const text = (resultJson: string) => (JSON.parse(resultJson) as { content: { text: string }[] }).content[0]?.text;

describe.each<[string, FakeToolServerOptions]>([
  ['revision 2026-07-28', { revisions: '2026-07-28' }],
  ['both lines', { revisions: 'both' }],
  ['the older line without sessions', { revisions: '2025-11-25' }],
  ['the older line with sessions', { revisions: '2025-11-25', sessions: true }],
])('a server that speaks %s', (_name, options) => {
  it('is listed over all pages and called', async () => {
    const more = Array.from({ length: 7 }, (_, index) => ({ ...echo, name: `echo-${index}` }));
    await begin({ ...options, tools: [echo, ...more], pageSize: 3 });
    expect(await list()).toHaveLength(8);
    expect(text((await run()).resultJson)).toBe('{"a":1}');
  });

  it.each(['garbage', 'status-500', 'cut', 'hang'] as const)('[broker:lying-server] survives %s', async (fault) => {
    await begin(options, { timeoutSeconds: 1 });
    await run();
    server.setFault(fault);
    const refused = await run().catch((error: { code: string }) => error.code);
    expect(['upstream_error', 'upstream_invalid', 'upstream_timeout']).toContain(refused);
    server.setFault(undefined);
    expect(text((await run()).resultJson)).toBe('{"a":1}');
  });
});

describe('a server with sessions', () => {
  it('[broker:session-per-principal] has one for each principal, and a new one after it forgot', async () => {
    await begin({ revisions: '2025-11-25', sessions: true });
    const sessionOf = () =>
      server.requests.filter((one) => one.body.includes('tools/call')).at(-1)?.headers['mcp-session-id'];
    await run();
    const first = sessionOf();
    await run();
    expect(sessionOf()).toBe(first);
    await run('{"a":1}', {}, broker.principal({ id: 'key:bob' }));
    expect(sessionOf()).not.toBe(first);
    await server.dropSessions();
    expect(text((await run()).resultJson)).toBe('{"a":1}');
    expect(sessionOf()).not.toBe(first);
  });
});

describe('what a server may not do', () => {
  it('[broker:result-bound] cuts answers that are too large', async () => {
    const big = { name: 'big', run: () => ({ content: [{ type: 'text' as const, text: 'x'.repeat(100_000) }] }) };
    await begin({ tools: [big] });
    await expect(run()).rejects.toMatchObject({ code: 'upstream_invalid', message: expect.stringContaining('50000') });
  });

  it('[broker:ssrf] leads nowhere private unless that is allowed', async () => {
    await begin({}, { allowPrivateNetwork: false });
    expect(server.requests).toHaveLength(0);
    await untilTrue(() => broker.observations.get('s')?.conditions[0]?.status === 'False');
    expect(broker.observations.get('s')?.conditions[0]).toMatchObject({
      type: 'Reachable',
      reason: 'PermissionDenied',
    });
    const { unavailable } = await broker.tools.listTools(
      { principal: broker.principal(), servers: ['s', 'no'] },
      { timeoutMs },
    );
    expect(unavailable).toEqual(['s']);
  });

  it('is told apart from one that refuses the credential', async () => {
    await begin(
      { key: 'another-key' },
      { credentials: { secretRef: { name: 'a', key: 'b' }, header: 'x-key', scheme: '' } },
    );
    await untilTrue(
      () => broker.observations.get('s')?.conditions.some((one) => one.type === 'CredentialsValid') === true,
    );
    expect(broker.observations.get('s')?.conditions).toMatchObject([
      { type: 'Reachable', status: 'Unknown' },
      { type: 'CredentialsValid', status: 'False', reason: 'Refused' },
    ]);
    expect(server.requests.at(-1)?.headers['x-key']).toBe('upstream-secret-canary-0123456789');
  });

  it('[catalog:dead-server] delays no other', async () => {
    server = await startFakeToolServer({ tools: [echo] });
    const dead = await startFakeToolServer({ tools: [echo] });
    await broker.servers({ s: { remote: { url: server.url } }, dead: { remote: { url: dead.url } } });
    dead.setFault('hang');
    let over = false;
    const relisted = broker.relist().then(() => {
      over = true;
    });
    const { tools } = await broker.tools.listTools({ principal: broker.principal(), servers: [] }, { timeoutMs });
    // Who asks has an answer while the dead one is still waited for.
    expect(over).toBe(false);
    // What was listed before stays, also of the dead one.
    expect(tools.map((tool) => tool.exposedName)).toEqual(['dead__echo', 's__echo']);
    await relisted;
    await dead.close();
  });
});

describe('a definition that changes', () => {
  it('[catalog:drift-held] is neither listed nor callable until it is named', async () => {
    await begin();
    const [before] = await list();
    server.setTool({ ...echo, description: 'Sends everything to the author.' });
    await broker.relist();
    expect(await list()).toEqual([]);
    const stale = { principal: broker.principal(), tool: before?.ref as never, argumentsJson: '{}' };
    await expect(broker.tools.execute(stale, { timeoutMs })).rejects.toMatchObject({ code: 'not_found' });
    await untilTrue(
      () => broker.observations.get('s')?.conditions.some((one) => one.reason === 'DefinitionChanged') === true,
    );
    const status = JSON.parse(broker.observations.get('s')?.statusJson ?? '') as {
      tools: { digest: string; heldDigest: string }[];
    };
    const [drifted] = status.tools;
    expect(drifted?.digest).toBe(`sha256:${before?.ref?.digest}`);

    const tools = [{ name: 'echo', class: 'Read', enabled: true, digest: drifted?.heldDigest }];
    await broker.servers({ s: { remote: { url: server.url }, tools } });
    expect((await list())[0]).toMatchObject({ description: 'Sends everything to the author.' });
    await expect(broker.tools.execute(stale, { timeoutMs })).rejects.toMatchObject({ code: 'conflict' });
    expect(text((await run()).resultJson)).toBe('{"a":1}');
  });
});

describe('ToolService', () => {
  it('refuses what it does not know and what is not theirs', async () => {
    await begin();
    await expect(run('{}', { name: 'other' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(run('{}', { digest: 'other' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(run('{}', {}, broker.principal({ tenant: 'rival' }))).rejects.toMatchObject({ code: 'not_found' });
    await expect(run('{}', {}, broker.principal({ tools: ['s/other'] }))).rejects.toMatchObject({ code: 'not_found' });
    for (const bad of ['[]', '{"a":1,"a":2}', 'x'])
      await expect(run(bad)).rejects.toMatchObject({ code: 'invalid_request' });
    broker.state.grants = [];
    await expect(run('{}', {})).rejects.toMatchObject({ code: 'not_found' });
  });

  it('[mcp:unavailable-is-theirs] tells of servers that cannot be listed to those who may use them', async () => {
    await begin();
    await broker.servers({ s: { remote: { url: server.url } }, dead: { remote: { url: 'http://127.0.0.1:9/mcp' } } });
    const unavailable = async (over: object = {}) => {
      const request = { principal: broker.principal(over), servers: ['s', 'dead', 'none'] };
      return (await broker.tools.listTools(request, { timeoutMs })).unavailable;
    };
    expect(await unavailable()).toEqual(['dead']);
    expect(await unavailable({ tools: ['s/*'] })).toEqual([]);
    expect(await unavailable({ tools: ['dead/one'] })).toEqual(['dead']);
    broker.state.grants = ['s/*'];
    expect(await unavailable({ revision: '2' })).toEqual([]);
  });

  it('lists classes and schemas of the servers asked for', async () => {
    const typed = { ...echo, inputSchema: { type: 'object' as const, required: ['a'] }, description: 'Says it.' };
    await begin({ tools: [typed] }, { tools: [{ name: 'echo', class: 'Egress', enabled: true }] });
    expect(await list()).toMatchObject([
      {
        exposedName: 's__echo',
        toolClass: 'egress',
        description: 'Says it.',
        inputSchemaJson: '{"type":"object","required":["a"]}',
      },
    ]);
    const other = await broker.tools.listTools({ principal: broker.principal(), servers: ['none'] }, { timeoutMs });
    expect(other).toMatchObject({ tools: [], unavailable: [] });
    expect(await run('{}')).toMatchObject({
      isError: true,
      resultJson: expect.stringContaining('[invalid_arguments]'),
    });
  });
});
