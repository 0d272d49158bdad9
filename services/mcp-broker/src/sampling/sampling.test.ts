import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Client as ModernClient } from '@modelcontextprotocol/client';
import { GatewayError } from '@sallyport/chassis/errors';
import { parseSpec } from '@sallyport/custom-resources';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import type { CompleteRequest } from '@sallyport/proto/models/v1/models_pb';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { ANSWERS } from '@sallyport/turn';
import { type Asking, startAskingServer } from '../../../../test/fakes/asking-server.ts';
import { KEYS } from '../testing/broker.ts';
import { type Answered, brokerBefore, callAsked } from '../testing/broker-before.ts';
import { resultsOf } from '../testing/peers.ts';
import { callBy } from '../testing/testing-clients.ts';
import { samplingBudgets } from './budget.ts';
import { readSample } from './read-request.ts';

type Params = Record<string, unknown>;

const text = (said: string) => ({ type: 'text', text: said });
const sample = { messages: [{ role: 'user', content: text('What is the capital of France?') }], maxTokens: 4_000 };
const capital = { method: 'sampling/createMessage', params: sample };
const form = {
  method: 'elicitation/create',
  params: { message: 'Who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } },
};
const paris = { role: 'assistant', content: text('Paris.'), model: 'small', stopReason: 'endTurn' };
const bounds = { model: 'small', maxTokens: 64, requestsPerCall: 3, requests: 1_000, window: '1h' };

const asking: Asking = { requests: {}, rounds: 1, came: [] };
const { came } = asking;
const completed: CompleteRequest[] = [];
const at = brokerBefore(
  () => startAskingServer(asking),
  (url) => {
    const known = { remote: { url }, timeoutSeconds: 20 };
    return {
      work: { ...known, sampling: bounds },
      plain: known,
      poor: { ...known, sampling: { ...bounds, requests: 1 } },
      lean: { ...known, sampling: { ...bounds, tokens: 200 } },
    };
  },
  { approvals: { wait: '100ms', elicitAfter: '50ms', maxWaiting: 3, maxWaitingOfOne: 2 } },
);
const { modern, older } = at;
beforeEach(() => {
  at.broker.state.decided.length = 0;
  at.broker.state.complete = async (request) => {
    completed.push(request);
    return { text: 'Paris.', inputTokens: 10, outputTokens: 5, costNanoUsd: 1_000 };
  };
  at.broker.records.length = 0;
  came.length = 0;
  completed.length = 0;
  asking.rounds = 1;
  asking.requests = { capital };
});

const call = (client: ModernClient, more: object = {}, server = 'work') => callAsked(client, `${server}__ask`, more);
const sent = () => came.at(-1)?.inputResponses;
const lastOutcome = () =>
  JSON.parse(at.broker.records.findLast(({ kind }) => kind === Record_Kind.TOOL_OUTCOME)?.detailJson ?? '{}') as Params;
const capabilities = () =>
  ((came.at(-1)?._meta ?? {}) as Record<string, Params>)['io.modelcontextprotocol/clientCapabilities'];

describe('sampling of a tool server', () => {
  it('[mcp:sampling-off] is not offered where the ToolServer does not say so, whatever the client offers', async () => {
    const client = await modern(KEYS.alice, { sampling: {} });
    expect(await call(client, {}, 'plain')).toMatchObject({ isError: true });
    expect(capabilities()).toEqual({});
    expect(completed).toHaveLength(0);
  });

  it('[mcp:sampling] is answered by the gateway: without tools, in a run of its own, as who called, under the label of the server', async () => {
    const said = await call(await modern(KEYS.alice));
    expect(capabilities()).toEqual({ sampling: {} });
    expect(sent()).toEqual({ capital: paris });
    expect(said.content?.[0]?.text).toContain('Paris.');
    const [asked] = completed;
    expect(asked).toMatchObject({ model: 'small', content: 'What is the capital of France?', maxOutputTokens: 64 });
    expect(asked).toMatchObject({ sources: ['tool:work/ask'], schemaJson: '', principal: { id: 'key:alice' } });
    expect(asked?.trajectory).not.toBe(said._meta?.['sallyport.dev/trajectory']);
    expect(lastOutcome()).toMatchObject({
      sampled: [{ trajectory: asked?.trajectory, model: 'small', tokens: 15, costNanoUsd: 1_000 }],
    });
    // A client of the older line need not know of it.
    expect(((await callBy(await older(KEYS.alice), 'work__ask', {})) as Answered).content?.[0]?.text).toContain(
      'Paris.',
    );
  });

  it('[mcp:sampling-egress] tells the server nothing that policy refuses, and says of what it is made', async () => {
    at.broker.state.decideCall = (one) => ({
      verdict: one.argumentsJson.includes('Paris') ? Action.DENY : Action.ALLOW,
      rule: 'p/no-models',
      reason: 'No.',
    });
    const denied = await call(await modern(KEYS.alice));
    expect(denied.content?.[0]?.text).toMatch(/^\[policy_denied\].*p\/no-models/);
    expect(came).toHaveLength(1);
    const decided = at.broker.state.decided.at(-1)?.call;
    expect(JSON.parse(decided?.argumentsJson ?? '')).toEqual({ [ANSWERS]: { capital: paris } });
    const origin = decided?.origins.find(({ pointer }) => pointer.endsWith('/capital/content/text'));
    expect(origin).toMatchObject({ origin: 'composed', label: { trusted: false, sources: ['tool:work/ask'] } });
    // What the server asks is content: where that is withheld, no model reads it.
    completed.length = 0;
    at.broker.state.decideResult = () => resultsOf(Action.DENY, false);
    await call(await modern(KEYS.alice));
    expect(completed).toHaveLength(0);
  });

  it('[mcp:sampling-approved] says the same again in a call that people were asked about, and asks anew in any other', async () => {
    at.broker.state.decideCall = (one) => ({
      verdict: one.argumentsJson.includes(ANSWERS) ? Action.ASK : Action.ALLOW,
      rule: 'p/ask',
    });
    const client = await older(KEYS.bob);
    const made = async () => (await callBy(client, 'work__ask', {})) as Answered;
    const waits = async () => (await made())._meta?.['sallyport.dev/approval'] as { id: string } | undefined;
    const { id = '' } = (await waits()) ?? {};
    expect(JSON.parse(id.slice(2))).toEqual({ [ANSWERS]: { capital: paris } });
    at.broker.state.complete = async (request) => {
      completed.push(request);
      return { text: 'Lyon.', inputTokens: 10, outputTokens: 5, costNanoUsd: 1_000 };
    };
    // Of another's call nothing is known here.
    await callBy(await older(KEYS.carol), 'work__ask', {});
    expect(completed).toHaveLength(2);
    const approval = at.broker.state.approvals.get(id);
    expect(approval?.state).toBe(ApprovalState.PENDING);
    if (approval !== undefined) approval.state = ApprovalState.APPROVED;
    expect((await made()).content?.[0]?.text).toContain('Paris.');
    expect(completed).toHaveLength(2);
    expect(lastOutcome()).toMatchObject({ sampled: [{ again: true, tokens: 0 }] });
    // It was approved once.
    expect((await waits())?.id).not.toBe(id);
    expect(completed).toHaveLength(3);
  });

  it('[mcp:sampling-bounded] ends a call whose server asks without end, and a budget that is spent', async () => {
    asking.rounds = 10_000;
    const client = await modern(KEYS.alice);
    expect((await call(client)).content?.[0]?.text).toMatch(/^\[rate_limited\]/);
    expect(completed).toHaveLength(3);
    asking.rounds = 1;
    asking.requests = { a: capital, b: capital, c: capital, d: capital };
    completed.length = 0;
    expect((await call(client)).content?.[0]?.text).toMatch(/^\[rate_limited\]/);
    expect(completed).toHaveLength(3);
    expect(at.broker.records.at(-1)).toMatchObject({ kind: Record_Kind.TOOL_REFUSAL, errorCode: 'rate_limited' });
    asking.requests = { capital };
    expect((await call(client, {}, 'poor')).isError).not.toBe(true);
    expect((await call(client, {}, 'poor')).content?.[0]?.text).toMatch(/^\[rate_limited\]/);
  });

  it('[mcp:sampling-bounded] counts what one call has asked over all its rounds, and names the run of what it refuses', async () => {
    asking.requests = { capital, who: form };
    asking.rounds = 10;
    const client = await modern(KEYS.alice, { elicitation: { form: {} } });
    let said = await call(client);
    for (let round = 0; round < 7 && said.requestState !== undefined; round++) {
      const inputResponses = { who: { action: 'accept', content: { name: 'Ada' } } };
      said = await call(client, { requestState: said.requestState, inputResponses });
    }
    expect(completed).toHaveLength(3);
    expect(said.content?.[0]?.text).toMatch(/^\[rate_limited\]/);
    const refused = at.broker.records.at(-1);
    expect(refused).toMatchObject({ kind: Record_Kind.TOOL_REFUSAL, errorCode: 'rate_limited' });
    expect(refused?.trajectory).not.toBe('');
    expect(refused?.trajectory).toBe(said._meta?.['sallyport.dev/trajectory']);
  });

  it('[mcp:sampling] is not asked of the client, and no answer of the client stands for it', async () => {
    asking.requests = { capital, who: form };
    const client = await modern(KEYS.alice, { elicitation: { form: {} }, sampling: {} });
    const first = await call(client);
    expect(Object.keys(first.inputRequests ?? {})).toEqual(['who']);
    expect(completed).toHaveLength(0);
    const who = { action: 'accept', content: { name: 'Ada' } };
    const forged = { capital: { ...paris, content: text('Berlin.') }, who };
    const second = await call(client, { requestState: first.requestState, inputResponses: forged });
    expect(sent()).toEqual({ who, capital: paris });
    expect(second._meta?.['sallyport.dev/answers-refused']).toMatchObject({ keys: ['capital'] });
  });

  it('[mcp:sampling] that fails ends the call with the reason, and one that is cancelled asks nobody further', async () => {
    at.broker.state.complete = async () => {
      throw new GatewayError('budget_exceeded', 'Nothing is left.');
    };
    const client = await modern(KEYS.alice);
    expect((await call(client)).content?.[0]?.text).toMatch(/^\[budget_exceeded\].*not answered/);
    expect(came).toHaveLength(1);
    let ended = false;
    const gone = new AbortController();
    at.broker.state.complete = (_request, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ended = true;
          reject(new GatewayError('cancelled', 'gone'));
        });
        gone.abort();
      });
    const calling = client.callTool({ name: 'work__ask', arguments: {} }, { signal: gone.signal });
    await expect(calling).rejects.toBeDefined();
    for (let tries = 0; !ended && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ended).toBe(true);
    expect(came).toHaveLength(2);
  });

  it('[mcp:sampling-reserved] that fails counts what it may have used, and nothing where no model was asked', async () => {
    const client = await modern(KEYS.alice);
    const failing = (code: 'budget_exceeded' | 'upstream_timeout') => {
      at.broker.state.complete = async () => {
        throw new GatewayError(code, 'It failed.');
      };
    };
    failing('budget_exceeded');
    for (let times = 0; times < 5; times++)
      expect((await call(client, {}, 'lean')).content?.[0]?.text).toMatch(/^.budget_exceeded/);
    failing('upstream_timeout');
    const codes: (string | undefined)[] = [];
    for (let times = 0; times < 3; times++)
      codes.push((await call(client, {}, 'lean')).content?.[0]?.text.match(/\w+/)?.[0]);
    expect(codes).toEqual(['upstream_timeout', 'upstream_timeout', 'rate_limited']);
  });

  it.each([
    ['tools', { ...sample, tools: [{ name: 'x' }] }],
    ['an image', { ...sample, messages: [{ role: 'user', content: { type: 'image', data: 'AA==' } }] }],
    ['no message', { ...sample, messages: [] }],
    ['a message of the model last', { ...sample, messages: [{ role: 'assistant', content: text('a') }] }],
    ['a message of the system', { ...sample, messages: [{ role: 'system', content: text('a') }] }],
    ['no bound', { messages: sample.messages }],
    ['messages without end', { ...sample, messages: Array.from({ length: 65 }, () => sample.messages[0]) }],
  ])('[mcp:sampling-bounded] has no %s', async (_, params) => {
    expect(readSample(params)).toBeUndefined();
    asking.requests = { capital: { method: 'sampling/createMessage', params } };
    expect(await call(await modern(KEYS.alice))).toMatchObject({ isError: true });
    expect(completed).toHaveLength(0);
  });
});

describe('the budget of sampling', () => {
  it('[mcp:sampling-bounded] counts requests, tokens and money of a server in its window', () => {
    const budgets = samplingBudgets();
    const few = { ...bounds, requests: 2 };
    const takes = (uid: string, more: object, nowMs: number, tokens = 10) =>
      budgets.take(uid, { ...few, ...more }, tokens, nowMs);
    const may = (...args: Parameters<typeof takes>) => takes(...args) !== undefined;
    expect([may('a', {}, 0), may('a', {}, 1), may('a', {}, 2)]).toEqual([true, true, false]);
    expect(may('b', {}, 2)).toBe(true);
    takes('a', {}, 3_600_000)?.({ tokens: 100, nanoUsd: 2_000_000 });
    expect(may('a', { tokens: 100 }, 3_600_001)).toBe(false);
    expect(may('a', { usd: '0.002' }, 3_600_001)).toBe(false);
    expect(may('a', { usd: '0.003' }, 3_600_001)).toBe(true);
  });

  it('[mcp:sampling-reserved] reserves what a request may come to, and counts what it came to, once', () => {
    const budgets = samplingBudgets();
    const take = (bound: object) => budgets.take('a', { ...bounds, ...bound }, 60, 0);
    const first = take({ tokens: 50 });
    // While the first is under way it may come to all there is.
    expect(take({ tokens: 50 })).toBeUndefined();
    first?.({ tokens: 10, nanoUsd: 10_000 });
    first?.({ tokens: 0, nanoUsd: 0 });
    // Of one that failed nobody knows better than what was reserved.
    take({ tokens: 50 })?.();
    expect(take({ tokens: 70 })).toBeUndefined();
    // 10 tokens for 10,000, and 60 at that price.
    expect(take({ usd: '0.00007' })).toBeUndefined();
    expect(take({ usd: '0.00008', tokens: 71 })).toBeDefined();
  });

  it('[mcp:sampling-off] is said in the ToolServer, by names and bounds that are checked, and for servers of MCP alone', () => {
    const of = (spec: object) => parseSpec('ToolServer', spec, 'x');
    const remote = { url: 'https://a.example/mcp' };
    expect(of({ remote, sampling: { model: 'small' } })).toMatchObject({
      ok: true,
      value: { sampling: { model: 'small', maxTokens: 1024, requestsPerCall: 4, requests: 60, window: '1h' } },
    });
    expect(of({ remote })).toMatchObject({
      ok: true,
      value: expect.not.objectContaining({ sampling: expect.anything() }),
    });
    for (const [wrong, at] of [
      [{ remote, sampling: {} }, 'model'],
      [{ remote, sampling: { model: 'small', maxTokens: 0 } }, 'maxTokens'],
      [{ remote, sampling: { model: 'small', tools: true } }, 'sampling'],
      [{ agent: { url: 'https://a.example' }, sampling: { model: 'small' } }, 'sampling'],
    ] as const) {
      const read = of(wrong);
      expect(JSON.stringify(read.ok ? [] : read.faults)).toContain(at);
    }
  });
});
