import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { type FakeTool, type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';
import { allowAll } from '../testing/peers.ts';
import { mcpClients } from '../testing/testing-clients.ts';

const tool = (name: string, says: string, properties: JsonObject = { q: { type: 'string' } }): FakeTool => ({
  name,
  inputSchema: { type: 'object', properties },
  run: () => ({ content: [{ type: 'text', text: says }] }),
});
const down = (server: string, more: object = {}) => ({ whileDown: { type: 'Server', server, ...more } });

let main: FakeToolServer;
let spare: FakeToolServer;
let asker: FakeToolServer;
const asked: object[] = [];
let broker: TestBroker;
let times = 0;
beforeAll(async () => {
  const names = ['find', 'write', 'strong', 'narrow', 'gone', 'ask'];
  main = await startFakeToolServer({ tools: names.map((name) => tool(name, 'of main')) });
  spare = await startFakeToolServer({
    tools: [
      ...['find', 'write', 'strong'].map((name) => tool(name, 'of spare')),
      tool('narrow', 'of spare', { q: { type: 'string', maxLength: 3 } }),
    ],
  });
  asker = await startFakeToolServer({
    tools: [tool('ask', '')],
    revisions: '2026-07-28',
    before({ json }) {
      const { method, id, params } = (json ?? {}) as { method?: string; id?: number; params?: object };
      if (method !== 'tools/call') return undefined;
      asked.push(params ?? {});
      const requestedSchema = { type: 'object', properties: { n: { type: 'integer' } } };
      const form = { mode: 'form', message: 'How many?', requestedSchema };
      const inputRequests = { count: { method: 'elicitation/create', params: form } };
      const result = { resultType: 'input_required', inputRequests, requestState: 'state of the other' };
      return { status: 200, body: { jsonrpc: '2.0', id, result } };
    },
  });
  broker = await startBroker();
}, 30_000);
beforeEach(async () => {
  allowAll(broker.state);
  main.setFault(undefined);
  spare.setFault(undefined);
  // Another content of the resource has nobody's failures before it.
  const timeoutSeconds = 20 + ++times;
  await broker.servers({
    main: {
      remote: { url: main.url },
      timeoutSeconds,
      tools: [
        { name: 'find', class: 'Read', ...down('spare') },
        { name: 'write', class: 'Write', ...down('spare') },
        { name: 'strong', class: 'Read', ...down('spare') },
        { name: 'narrow', class: 'Read', ...down('spare') },
        { name: 'gone', class: 'Read', ...down('spare', { tool: 'nowhere' }) },
        { name: 'ask', class: 'Read', ...down('asker') },
      ],
    },
    asker: { remote: { url: asker.url }, timeoutSeconds, tools: [{ name: 'ask', class: 'Read' }] },
    spare: {
      remote: { url: spare.url },
      timeoutSeconds,
      tools: [
        { name: 'find', class: 'Read', ...down('main') },
        { name: 'write', class: 'Write' },
        { name: 'strong', class: 'Egress' },
        { name: 'narrow', class: 'Read' },
      ],
    },
  });
  broker.records.length = 0;
  broker.state.decided.length = 0;
  spare.calls.length = 0;
});
afterAll(async () => {
  await broker?.close();
  await clients.close();
  await Promise.all([main?.close(), spare?.close(), asker?.close()]);
});
const clients = mcpClients(() => broker);

async function call(name: string, meta: object = {}) {
  const params = { name, arguments: { q: 'x' }, _meta: meta };
  const answer = await fetch(`${broker.url}/mcp`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEYS.alice}`, 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  });
  const { result } = (await answer.json()) as {
    result: { content: { text: string }[]; _meta: Record<string, string> };
  };
  return { text: result.content[0]?.text, by: result._meta['sallyport.dev/answered-by'] };
}

describe('a tool whose server is down', () => {
  it('[tool:stand-in] is answered by the tool of another server that is declared, decided and recorded as that one', async () => {
    expect(await call('main__find')).toEqual({ text: 'of main', by: undefined });
    main.setFault('status-500');
    expect(await call('main__find')).toEqual({ text: 'of spare', by: 'spare__find' });
    expect(broker.state.decided.map(({ call }) => [call.tool?.server, call.tool?.name])).toEqual([
      ['main', 'find'],
      ['main', 'find'],
      ['spare', 'find'],
    ]);
    const last = broker.records.at(-1);
    expect(last).toMatchObject({ toolName: 'spare__find', outcome: 'ok' });
    expect(JSON.parse(last?.detailJson ?? '{}')).toMatchObject({ standsInFor: 'main__find' });
    expect(broker.records.map(({ toolName, outcome }) => [toolName, outcome])).toContainEqual(['main__find', 'error']);
  });

  it('[tool:stand-in-decided] is not answered by a tool that its caller may not call', async () => {
    main.setFault('status-500');
    const refuse = ({ tool }: { tool?: { server: string } | undefined }) => ({
      verdict: tool?.server === 'spare' ? Action.DENY : Action.ALLOW,
    });
    broker.state.decideCall = refuse;
    expect((await call('main__find')).text).toMatch(/^\[policy_denied\]/);
    allowAll(broker.state);
    broker.state.grants = ['main/*'];
    broker.state.principals = { alice: { revision: '2' } };
    expect((await call('main__find')).text).not.toContain('spare');
    expect(spare.calls).toEqual([]);
  });

  it('[tool:stand-in-once] is not answered by another where its own server may have made the call', async () => {
    main.setFault('status-500');
    expect((await call('main__write')).text).not.toContain('spare');
    expect(spare.calls).toEqual([]);
    for (let time = 0; time < 6; time++) await call('main__write');
    // By now it is left alone, so that the call was certainly not made.
    expect(await call('main__write')).toEqual({ text: 'of spare', by: 'spare__write' });
    const key = { 'sallyport.dev/idempotency-key': 'k1' };
    expect((await call('main__write', key)).text).toBe('of spare');
    const made = spare.calls.length;
    expect((await call('main__write', key)).text).toBe('of spare');
    expect(spare.calls.length).toBe(made);
  });

  it('[tool:stand-in-asks] is answered by none that asks the user, whose answer would be told to its own server', async () => {
    main.setFault('status-500');
    const client = await clients.modern(KEYS.alice, { elicitation: { form: {}, url: {} }, roots: {} });
    const params = { name: 'main__ask', arguments: { q: 'x' } };
    const answer = await client.request(
      { method: 'tools/call', params } as never,
      { allowInputRequired: true } as never,
    );
    expect(answer).toMatchObject({ isError: true });
    expect(answer).not.toHaveProperty('requestState');
    expect(asked).toHaveLength(1);
    expect(JSON.stringify(asked)).not.toMatch(/elicitation|roots/);
  });

  it('[tool:stand-in-loops] is answered by no third one, and none in turn', async () => {
    main.setFault('status-500');
    spare.setFault('status-500');
    expect((await call('main__find')).text).not.toContain('of ');
    expect(broker.state.decided).toHaveLength(2);
  });

  it('[tool:stand-in-fits] is answered by none of a higher class or that takes other arguments, and the status says so', async () => {
    main.setFault('status-500');
    for (const name of ['strong', 'narrow', 'gone']) expect((await call(`main__${name}`)).by).toBeUndefined();
    expect(spare.calls).toEqual([]);
    const said = () => {
      const one = [...broker.observations.values()].find(({ name }) => name === 'main');
      const { tools = [] } = JSON.parse(one?.statusJson || '{}') as { tools?: { name: string; whileDown?: string }[] };
      return Object.fromEntries(tools.map(({ name, whileDown }) => [name, whileDown]));
    };
    await untilTrue(() => said().find === 'Answered by spare__find.');
    expect(said()).toEqual({
      find: 'Answered by spare__find.',
      write: 'Answered by spare__write.',
      strong: 'Not answered: spare__strong is of class egress, above read.',
      narrow: 'Not answered: spare__narrow does not take every argument q.',
      gone: 'Not answered: spare has no tool nowhere in force.',
      ask: 'Answered by asker__ask.',
    });
  });
});
