import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client as ModernClient } from '@modelcontextprotocol/client';
import type { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { ElicitRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { type FakeTool, type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';
import { allowAll } from '../testing/peers.ts';
import { callBy, mcpClients } from '../testing/testing-clients.ts';

let server: FakeToolServer;
let broker: TestBroker;
let ran = 0;
const heard: unknown[] = [];

const asking = (where: 'call' | 'beside'): FakeTool => ({
  name: `ask-${where}`,
  async run(_args, { ask, progress }) {
    ran++;
    await progress(1, 3, 'x');
    const first = await ask('Who are you?', where);
    heard.push(first);
    await progress(2, 3, 'x');
    const second = await ask('Who else?', where);
    return { content: [{ type: 'text', text: JSON.stringify([first, second]) }] };
  },
});
const telling: FakeTool = {
  name: 'tell',
  async run(_args, { log, logBeside, progress }) {
    await progress(0, 2, 'x');
    await log('info', 'on its stream');
    await logBeside('beside');
    // What comes after the result is nobody's, and until then the gate keeps it to itself.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await progress(1, 2, 'x');
    return { content: [{ type: 'text', text: 'done' }] };
  },
};

beforeAll(async () => {
  server = await startFakeToolServer({
    tools: [asking('call'), asking('beside'), telling],
    revisions: '2025-11-25',
    sessions: true,
    more: (toolServer) => toolServer.registerCapabilities({ logging: {} }),
  });
  broker = await startBroker();
  await broker.servers({ old: { remote: { url: server.url }, timeoutSeconds: 20 } });
}, 30_000);
const { modern, older, close } = mcpClients(() => broker);
afterAll(async () => {
  await close();
  await broker?.close();
  await server?.close();
});
beforeEach(() => allowAll(broker.state));

const forms = { elicitation: { form: {} } };
const answered = (names: readonly string[]) =>
  JSON.stringify(names.map((name) => ({ action: 'accept', content: { name } })));

type Asked = { inputRequests: Record<string, { params: { message: string } }>; requestState: string };

/** A round of a call of 2026-07-28. */
async function round(client: ModernClient, name: string, from?: { state: string; responses: object }) {
  const back = from === undefined ? {} : { requestState: from.state, inputResponses: from.responses };
  return (await client.callTool(
    { name, arguments: {}, ...back } as never,
    {
      allowInputRequired: true,
    } as never,
  )) as unknown as Asked & { content?: { text: string }[]; isError?: boolean };
}
const accept = (asked: Asked, name: string) => {
  const [key = ''] = Object.keys(asked.inputRequests);
  return { state: asked.requestState, responses: { [key]: { action: 'accept', content: { name } } } };
};

describe.each(['call', 'beside'] as const)('what a server of the older line asks, on the stream %s', (where) => {
  it('[mcp:older-asks] goes to a client of the older line on the stream of its call', async () => {
    const client = await older(KEYS.alice, forms);
    const questions: string[] = [];
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      questions.push(params.message);
      return { action: 'accept', content: { name: `n${questions.length}` } };
    });
    const before = ran;
    const result = await callBy(client, `old__ask-${where}`, {});
    expect(result).toMatchObject({ content: [{ text: answered(['n1', 'n2']) }] });
    expect(questions).toEqual(['Who are you?', 'Who else?']);
    expect(ran - before).toBe(1);
  });

  it('[mcp:older-asks] goes to a client of 2026-07-28 in place of the result, and the one call goes on with each answer', async () => {
    const client = await modern(KEYS.bob, forms);
    const before = ran;
    const first = await round(client, `old__ask-${where}`);
    expect(Object.values(first.inputRequests)).toMatchObject([{ params: { message: 'Who are you?' } }]);
    const second = await round(client, `old__ask-${where}`, accept(first, 'a'));
    expect(Object.values(second.inputRequests)).toMatchObject([{ params: { message: 'Who else?' } }]);
    const last = await round(client, `old__ask-${where}`, accept(second, 'b'));
    expect(last.content).toMatchObject([{ text: answered(['a', 'b']) }]);
    expect(ran - before).toBe(1);
    // Once: the answer that was given is not given again, and nothing runs anew.
    const again = await round(client, `old__ask-${where}`, accept(second, 'c'));
    expect(again.isError).toBe(true);
    expect(ran - before).toBe(1);
  });
});

describe('a call that waits for its user', () => {
  it('[mcp:older-asks-own] is gone on with by nobody else', async () => {
    const alice = await modern(KEYS.alice, forms);
    const asked = await round(alice, 'old__ask-call');
    const bob = await modern(KEYS.bob, forms);
    await expect(round(bob, 'old__ask-call', accept(asked, 'x'))).rejects.toMatchObject({ code: -32_602 });
    await expect(round(alice, 'old__ask-beside', accept(asked, 'x'))).rejects.toMatchObject({ code: -32_602 });
    const second = await round(alice, 'old__ask-call', accept(asked, 'a'));
    expect(Object.values(second.inputRequests)).toMatchObject([{ params: { message: 'Who else?' } }]);
    await round(alice, 'old__ask-call', accept(second, 'b'));
  });

  it('[mcp:older-asks-refused] is told that nobody answers where the answer may not be sent', async () => {
    const alice = await modern(KEYS.alice, forms);
    const asked = await round(alice, 'old__ask-call');
    broker.state.decideCall = ({ argumentsJson }) => ({
      verdict: argumentsJson.includes('secret') ? Action.DENY : Action.ALLOW,
    });
    heard.length = 0;
    expect(await round(alice, 'old__ask-call', accept(asked, 'secret'))).toMatchObject({ isError: true });
    await untilTrue(() => heard.length > 0);
    expect(heard).toEqual([{ action: 'cancel' }]);
  });

  it('[mcp:asked-undeclared] asks nobody who did not declare that they can be asked', async () => {
    const client = await older();
    const result = (await callBy(client, 'old__ask-call', {})) as { content: { text: string }[]; isError?: boolean };
    expect(result.isError).toBe(true);
    const { content } = (await round(await modern(), 'old__ask-call')) as { content?: { text: string }[] };
    expect(content?.[0]?.text).toContain('elicitation');
  });
});

describe.each([
  ['client 2.x on 2026-07-28', (): Promise<ModernClient | OlderClient> => modern(KEYS.carol)],
  ['sdk 1.x', (): Promise<ModernClient | OlderClient> => older(KEYS.dave)],
] as const)('notices of a server of the older line, with %s', (_line, connect) => {
  it('[mcp:older-notices] of a call come whichever stream they are on', async () => {
    const client = await connect();
    const logged: unknown[] = [];
    const told: object[] = [];
    let options: object = { onprogress: (one: object) => void told.push(one) };
    if ('listen' in client) {
      client.setNotificationHandler('notifications/message', ({ params }) => void logged.push(params.data));
      options = { ...options };
    } else {
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
      await client.setLoggingLevel('info');
    }
    const meta = { 'io.modelcontextprotocol/logLevel': 'info' };
    const result =
      'listen' in client
        ? await client.callTool({ name: 'old__tell', arguments: {}, _meta: meta } as never, options)
        : await callBy(client, 'old__tell', options);
    expect(result).toMatchObject({ content: [{ text: 'done' }] });
    expect(told).toEqual([
      { progress: 0, total: 2 },
      { progress: 1, total: 2 },
    ]);
    expect([...logged].sort()).toEqual(['beside', 'on its stream']);
  });

  it('[mcp:older-changes] of its lists come on the stream beside all calls', async () => {
    await connect();
    // One that keeps no lists.
    const client = await older();
    const name = `sudden-${_line.length}`;
    const names = async () => (await client.listTools()).tools.map((tool) => tool.name);
    await untilTrue(() => server.requests.some(({ method }) => method === 'GET'));
    server.setTool({ name, run: () => ({ content: [] }) });
    for (let tries = 0; tries < 100 && !(await names()).includes(`old__${name}`); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await names()).toContain(`old__${name}`);
  });
});
