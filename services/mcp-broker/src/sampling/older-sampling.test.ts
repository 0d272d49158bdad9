import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { CompleteRequest } from '@sallyport/proto/models/v1/models_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { ANSWERS } from '@sallyport/turn';
import { type FakeTool, type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../testing/broker.ts';
import { allowAll, resultsOf } from '../testing/peers.ts';
import { callBy, mcpClients } from '../testing/testing-clients.ts';

let server: FakeToolServer;
let broker: TestBroker;
let ran = 0;
const completed: CompleteRequest[] = [];
/** What the tools heard when no model was asked. */
const refused: string[] = [];

/** Has a model asked so often in the course of one call. */
const sampling = (where: 'call' | 'beside', times: number): FakeTool => ({
  name: `${where}-${times}`,
  async run(_args, { sample }) {
    ran++;
    const said: string[] = [];
    for (let each = 0; each < times; each++) {
      const one = await sample(`What is the capital of ${each}?`, where).catch((error: Error) => {
        refused.push(error.message);
        throw error;
      });
      said.push(one);
    }
    return { content: [{ type: 'text', text: said.join(' ') }] };
  },
});
const both: FakeTool = {
  name: 'both',
  async run(_args, { ask, sample }) {
    const who = await ask('Who are you?', 'call');
    return { content: [{ type: 'text', text: `${JSON.stringify(who)} ${await sample('And?', 'call')}` }] };
  },
};

beforeAll(async () => {
  const tools = [sampling('call', 2), sampling('beside', 1), sampling('call', 5), both];
  server = await startFakeToolServer({ tools, revisions: '2025-11-25', sessions: true });
  broker = await startBroker();
  const old = { remote: { url: server.url }, timeoutSeconds: 20 };
  const bounds = { model: 'small', maxTokens: 64, requestsPerCall: 3, requests: 1_000, window: '1h' };
  await broker.servers({ old: { ...old, sampling: bounds }, plain: { ...old, timeoutSeconds: 1 } });
}, 30_000);
const { modern, older, close } = mcpClients(() => broker);
afterAll(async () => {
  await close();
  await broker?.close();
  await server?.close();
});
beforeEach(() => {
  allowAll(broker.state);
  completed.length = 0;
  refused.length = 0;
  broker.state.complete = async (request) => {
    completed.push(request);
    return { text: 'Paris.', inputTokens: 10, outputTokens: 5, costNanoUsd: 1_000 };
  };
});

type Shown = { isError?: boolean; content: { text: string }[] };
const LINES = [
  ['client 2.x on 2026-07-28', () => modern(KEYS.alice)],
  ['sdk 1.x', () => older(KEYS.bob)],
] as const;

describe.each(LINES)('sampling of a server of the older line, called by %s', (_line, connect) => {
  const call = async (tool: string) => (await callBy(await connect(), tool, {})) as Shown;

  it('[mcp:older-sampling] is answered by the gateway in the course of the one call', async () => {
    const before = ran;
    const paris = JSON.stringify({ type: 'text', text: 'Paris.' });
    expect((await call('old__call-2')).content[0]?.text).toBe(`${paris} ${paris}`);
    expect((await call('old__beside-1')).content[0]?.text).toBe(paris);
    expect(ran - before).toBe(2);
    expect(completed.map(({ content }) => content)).toEqual([0, 1, 0].map((each) => `What is the capital of ${each}?`));
    expect(completed[0]).toMatchObject({ model: 'small', maxOutputTokens: 64, sources: ['tool:old/call-2'] });
  });

  it('[mcp:older-sampling] is decided as an answer to it, and bounded; the call is told at once that no model was asked', async () => {
    broker.state.decideCall = ({ argumentsJson }) => ({
      verdict: argumentsJson.includes(ANSWERS) ? Action.DENY : Action.ALLOW,
      rule: 'p/no-models',
    });
    expect((await call('old__call-2')).content[0]?.text).toMatch(/^\[policy_denied\].*p\/no-models/);
    await untilTrue(() => refused.length === 1);
    allowAll(broker.state);
    expect((await call('old__call-5')).content[0]?.text).toMatch(/^\[rate_limited\]/);
    await untilTrue(() => refused.length === 2);
    // What it asks is content: where that is withheld, no model reads it.
    completed.length = 0;
    broker.state.decideResult = () => resultsOf(Action.DENY, false);
    await call('old__call-2');
    await untilTrue(() => refused.length === 3);
    expect(completed).toHaveLength(0);
    expect(refused).toEqual(Array(3).fill(expect.stringContaining('No model was asked.')));
  });

  it('[mcp:older-sampling] is not offered where the ToolServer does not say so', async () => {
    expect((await call('plain__call-2')).isError).toBe(true);
    expect(completed).toHaveLength(0);
  });
});

describe('a server of the older line that asks people and models', () => {
  it('[mcp:older-sampling] asks the client for what is the user\u2019s alone', async () => {
    const client = await older(KEYS.carol, { elicitation: { form: {} } });
    const questions: string[] = [];
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      questions.push(params.message);
      return { action: 'accept', content: { name: 'Ada' } };
    });
    const said = (await callBy(client, 'old__both', {})) as Shown;
    expect(said.content[0]?.text).toMatch(/Ada.*Paris/);
    expect([questions, completed.length]).toEqual([['Who are you?'], 1]);
  });
});
