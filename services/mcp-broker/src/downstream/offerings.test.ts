import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { type FakeOfferings, noOfferings, withOfferings } from '../../../../test/fakes/offerings.ts';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';
import { allowAll, resultsOf } from '../testing/peers.ts';
import { mcpClients, withKey } from '../testing/testing-clients.ts';

let server: FakeToolServer;
let other: FakeToolServer;
let broker: TestBroker;
const docs: FakeOfferings = noOfferings();
const seven: FakeOfferings = noOfferings();

beforeAll(async () => {
  const zeroWidth = String.fromCharCode(0x200b);
  Object.assign(docs, {
    resources: [
      {
        uri: 'file:///public/b.txt',
        name: 'b',
        title: 'B',
        mimeType: 'text/plain',
        size: 3,
        annotations: { priority: 1 },
      },
      { uri: 'file:///public/a.txt', name: 'a', description: 'The first.' },
      { uri: 'file:///private/c.txt', name: 'c' },
      { uri: 'file:///public/../private/c.txt', name: 'traversal' },
      { uri: 'file:///public/d.txt', name: `hid${zeroWidth}den` },
    ],
    templates: [{ uriTemplate: 'file:///public/{name}', name: 'any' }],
    prompts: [
      { name: 'brief', title: 'Brief', description: 'A brief.', arguments: [{ name: 'topic', required: true }] },
      { name: 'look\u0000alike' },
      { name: 'twice' },
      { name: 'twice' },
    ],
    read: (uri: string) =>
      uri.endsWith('bin')
        ? [{ uri, mimeType: 'image/png', blob: 'AAAA', _meta: { x: 1 } }]
        : uri.includes('none')
          ? undefined
          : [{ uri, mimeType: 'text/plain', text: `content of ${uri}` }],
    say: (name: string, { topic }: Record<string, string>) => [
      { role: 'user', content: { type: 'text', text: `${name} about ${topic}` } },
      { role: 'assistant', content: { type: 'resource', resource: { uri: 'file:///public/a.txt', text: 'A' } } },
    ],
    propose: (_ref: object, { value }: { value: string }) => [`${value}-1`, `${value}-2`],
  });
  Object.assign(seven, {
    resources: [{ uri: 'file:///public/a.txt', name: 'a' }],
    read: (uri: string) => [{ uri, text: 'of the other' }],
  });
  const linking = {
    name: 'link',
    run: () => ({
      content: [
        { type: 'resource_link' as const, uri: 'file:///public/a.txt', name: 'a' },
        { type: 'resource' as const, resource: { uri: 'file:///public/b.txt', text: 'B' } },
      ],
    }),
  };
  server = await startFakeToolServer({ tools: [linking], more: withOfferings(docs) });
  other = await startFakeToolServer({ more: withOfferings(seven) });
  broker = await startBroker();
  await broker.servers({ docs: { remote: { url: server.url } }, '7up': { remote: { url: other.url } } });
  await untilTrue(() => docs.asked.includes('resources/list') && seven.asked.includes('resources/list'));
  const client = await older();
  for (let listed = 0; listed < 4; ) listed = (await client.listResources()).resources.length;
}, 30_000);
const clients = mcpClients(() => broker);
const { modern } = clients;
const older = clients.older as unknown as typeof modern;
afterAll(async () => {
  await clients.close();
  await broker?.close();
  await server?.close();
  await other?.close();
});
beforeEach(() => {
  allowAll(broker.state);
  broker.state.decided.length = 0;
  broker.state.remembered.length = 0;
  broker.records.length = 0;
  docs.asked.length = 0;
});

describe.each([
  ['client 2.x on 2026-07-28', modern],
  ['sdk 1.x', older],
] as const)('what servers have besides tools, with %s', (_name, connect) => {
  let client: ModernClient;
  beforeEach(async () => {
    client = await connect();
  });

  it('[offering:listed] is listed in a fixed order under names that no two servers share, without what hides', async () => {
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual([
      'docs+file:///private/c.txt',
      'docs+file:///public/a.txt',
      'docs+file:///public/b.txt',
      'n.7up+file:///public/a.txt',
    ]);
    const full = { title: 'B', mimeType: 'text/plain', size: 3, annotations: { priority: 1 } };
    expect(resources[2]).toMatchObject({ name: 'b', ...full });
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates).toMatchObject([{ uriTemplate: 'docs+file:///public/{name}', name: 'any' }]);
    const { prompts } = await client.listPrompts();
    expect(prompts).toMatchObject([{ name: 'docs__brief', arguments: [{ name: 'topic', required: true }] }]);
    expect(prompts).toHaveLength(1);
  });

  it('[offering:read] is read by its name at the gate, from the server whose it is', async () => {
    const { contents } = await client.readResource({ uri: 'docs+file:///public/a.txt' });
    const text = 'content of file:///public/a.txt';
    expect(contents).toEqual([{ uri: 'docs+file:///public/a.txt', mimeType: 'text/plain', text }]);
    expect((await client.readResource({ uri: 'n.7up+file:///public/a.txt' })).contents).toMatchObject([
      { text: 'of the other' },
    ]);
    // One that a client made from a template, and that no list has.
    const { contents: bytes } = await client.readResource({ uri: 'docs+file:///public/x.bin' });
    expect(bytes).toEqual([{ uri: 'docs+file:///public/x.bin', mimeType: 'image/png', blob: 'AAAA' }]);
    const prompt = await client.getPrompt({ name: 'docs__brief', arguments: { topic: 'ports' } });
    expect(prompt.messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'brief about ports' } },
      { role: 'assistant', content: { type: 'resource', resource: { uri: 'docs+file:///public/a.txt', text: 'A' } } },
    ]);
    const ref = { type: 'ref/prompt' as const, name: 'docs__brief' };
    const { completion } = await client.complete({ ref, argument: { name: 'topic', value: 'po' } });
    expect(completion.values).toEqual(['po-1', 'po-2']);
    const template = { type: 'ref/resource' as const, uri: 'docs+file:///public/{name}' };
    await client.complete({ ref: template, argument: { name: 'name', value: 'a' } });
    expect(docs.asked.at(-1)).toBe('completion/complete {"type":"ref/resource","uri":"file:///public/{name}"}');
  });

  it('[offering:links] is linked to in results of tools by the same names', async () => {
    const { content } = (await client.callTool({ name: 'docs__link' })) as { content: object[] };
    expect(content).toMatchObject([
      { type: 'resource_link', uri: 'docs+file:///public/a.txt' },
      { type: 'resource', resource: { uri: 'docs+file:///public/b.txt' } },
    ]);
  });

  it('[offering:absent] looks the same where it is not theirs and where it is not there', async () => {
    broker.state.offered = { resources: ['docs/file:///public/*'], prompts: [] };
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['docs+file:///public/a.txt', 'docs+file:///public/b.txt']);
    expect((await client.listPrompts()).prompts).toEqual([]);
    const faults: unknown[] = [];
    const uris = [
      'docs+file:///private/c.txt',
      'nowhere+file:///private/c.txt',
      'n.7up+file:///public/a.txt',
      'docs+file:///public/../private/c.txt',
      'docs+file:///public/%2e%2e/private/c.txt',
      'n.docs+file:///public/a.txt',
      'DOCS+file:///public/a.txt',
      'file:///public/a.txt',
      '+file:///public/a.txt',
    ];
    for (const uri of uris) {
      const fault = await client.readResource({ uri }).catch((error: { code: number; message: string }) => error);
      const { code, message } = fault as { code: number; message: string };
      faults.push([code, message.replace(/^MCP error -\d+: /, '')]);
    }
    const code = connect === modern ? -32_602 : -32_002;
    expect(faults).toEqual(uris.map(() => [code, 'Resource not found']));
    const unknown = { code: -32_602, message: expect.stringMatching(/Unknown prompt: /) as unknown as string };
    await expect(client.getPrompt({ name: 'docs__brief' })).rejects.toMatchObject(unknown);
    await expect(client.getPrompt({ name: 'docs__nowhere' })).rejects.toMatchObject(unknown);
    const ref = { type: 'ref/prompt' as const, name: 'docs__brief' };
    await expect(client.complete({ ref, argument: { name: 'topic', value: '' } })).rejects.toMatchObject({
      code: -32_602,
    });
    expect(docs.asked).toEqual([]);
    // Policy decides too, by the very arguments: what it says is not theirs is not there either.
    broker.state.offered = { resources: ['*/*'], prompts: ['*/*'] };
    broker.state.decideCall = () => ({ verdict: Action.HIDE, rule: 'builtin/access' });
    await expect(client.readResource({ uri: 'docs+file:///public/a.txt' })).rejects.toMatchObject({ code });
    expect(docs.asked).toEqual([]);
  });

  it('[offering:decided] is decided, labelled, remembered and recorded as the call of a tool that reads', async () => {
    await client.readResource({ uri: 'docs+file:///public/a.txt' });
    expect(broker.state.decided.at(-1)?.call).toMatchObject({
      tool: { server: 'docs', serverUid: 'uid-acme-docs', name: 'resources/read' },
      argumentsJson: '{"uri":"file:///public/a.txt"}',
    });
    const kinds = broker.records.map(({ kind, toolClass }) => [kind, toolClass]);
    expect(kinds).toEqual([
      [Record_Kind.TOOL_INTENT, 'read'],
      [Record_Kind.TOOL_OUTCOME, 'read'],
    ]);
    expect(broker.state.remembered.at(-1)?.fingerprints.length).toBeGreaterThan(0);
    // Once untrusted content was read, the run is no longer clean, whatever it was read by.
    await client.getPrompt({ name: 'docs__brief', arguments: { topic: 'x' } });
    expect(broker.state.decided.at(-1)?.context).toMatchObject({ trusted: false });
    expect(broker.state.decided.at(-1)?.call).toMatchObject({ tool: { name: 'prompts/get' } });
  });

  it('[offering:withheld] is read apart or withheld where policy says so', async () => {
    broker.state.decideResult = () => resultsOf(Action.QUARANTINE, false);
    const { contents } = await client.readResource({ uri: 'docs+file:///public/a.txt' });
    expect(contents).toMatchObject([{ uri: 'docs+file:///public/a.txt', mimeType: 'application/json' }]);
    expect(JSON.stringify(contents)).not.toContain('content of');
    const { messages } = await client.getPrompt({ name: 'docs__brief', arguments: { topic: 'x' } });
    expect(messages).toHaveLength(1);
    expect(JSON.stringify(messages)).not.toContain('about');
    broker.state.decideResult = () => resultsOf(Action.DENY, false);
    const denied = { code: -32_000, message: expect.not.stringContaining('content of') as unknown as string };
    await expect(client.readResource({ uri: 'docs+file:///public/a.txt' })).rejects.toMatchObject(denied);
    const ref = { type: 'ref/prompt' as const, name: 'docs__brief' };
    const { completion } = await client.complete({ ref, argument: { name: 'topic', value: 'po' } });
    expect(completion.values).toEqual([]);
    broker.state.decideCall = () => ({ verdict: Action.DENY, rule: 'docs/no', reason: 'Not today.' });
    docs.asked.length = 0;
    await expect(client.readResource({ uri: 'docs+file:///public/a.txt' })).rejects.toMatchObject({
      message: expect.stringContaining('docs/no: Not today.') as unknown as string,
    });
    expect(docs.asked).toEqual([]);
  });

  it('[offering:refused] hands on the refusal of a server as what it is: content, within an error', async () => {
    const gone = client.readResource({ uri: 'docs+file:///public/none' });
    await expect(gone).rejects.toMatchObject({ code: connect === modern ? -32_602 : -32_002 });
  });
});

describe('the catalogue of what servers have', () => {
  it('[offering:dead-server] is kept while a server is away, and waits for nobody', async () => {
    const client = await older();
    other.setFault('hang');
    await broker.relist();
    const startedAt = performance.now();
    const { resources } = await client.listResources();
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(resources).toHaveLength(4);
    other.setFault(undefined);
  });

  it('[offering:toolset] is at /mcp: a toolset is a list of tools and declares no more', async () => {
    await broker.toolsets({ one: { tools: [{ server: 'docs', tool: 'link' }] } });
    const client = new OlderClient({ name: 'test', version: '1' });
    const at = new OlderTransport(new URL(`${broker.url}/mcp/one`), withKey(KEYS.alice));
    await client.connect(at as Parameters<OlderClient['connect']>[0]);
    expect(Object.keys(client.getServerCapabilities() ?? {}).sort()).toEqual(['logging', 'tools']);
    await expect(client.listResources()).rejects.toMatchObject({});
    const whole = await older();
    expect(Object.keys(whole.getServerCapabilities() ?? {}).sort()).toEqual([
      'completions',
      'logging',
      'prompts',
      'resources',
      'tools',
    ]);
    await whole.setLoggingLevel('info');
  });

  it('[offering:tenants] shows nothing of one tenant to another', async () => {
    const client = await modern(KEYS.rival);
    expect((await client.listResources()).resources).toEqual([]);
    expect((await client.listPrompts()).prompts).toEqual([]);
    const uri = 'docs+file:///public/a.txt';
    await expect(client.readResource({ uri })).rejects.toMatchObject({ message: expect.stringContaining('not found') });
  });

  it('[offering:scope] keeps to the scope of a key, which speaks of tools', async () => {
    broker.state.principals = { carol: { tools: ['docs/link'] } };
    const client = await modern(KEYS.carol);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['docs__link']);
    expect((await client.listResources()).resources).toEqual([]);
    await expect(client.readResource({ uri: 'docs+file:///public/a.txt' })).rejects.toMatchObject({});
  });

  it('[offering:pages] tells long lists in pages whose cursors are of that list alone', async () => {
    const small = await startBroker({ request: { pageSize: 2 } });
    await small.servers({ docs: { remote: { url: server.url } } });
    const client = new ModernClient({ name: 'test', version: '1' });
    await client.connect(new ModernTransport(new URL(`${small.url}/mcp`), withKey(KEYS.alice)));
    await untilTrue(() => docs.asked.includes('resources/list'));
    const list = (cursor?: string) => client.request({ method: 'resources/list', params: cursor ? { cursor } : {} });
    let first = (await list()) as { resources: object[]; nextCursor?: string };
    while (first.resources.length === 0) first = (await list()) as typeof first;
    expect(first.resources).toHaveLength(2);
    const second = (await list(first.nextCursor)) as typeof first;
    expect(second).toMatchObject({ resources: [{ uri: 'docs+file:///public/b.txt' }] });
    expect(second.nextCursor).toBeUndefined();
    const wrong = client.request({ method: 'prompts/list', params: { cursor: first.nextCursor as string } });
    await expect(wrong).rejects.toMatchObject({ code: -32_602 });
    await small.close();
  });
});
