import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Client as ModernClient } from '@modelcontextprotocol/client';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { ANSWERS } from '@sallyport/turn';
import { type Asking, startAskingServer } from '../../../../test/fakes/asking-server.ts';
import { KEYS } from '../testing/broker.ts';
import { type Answered, brokerBefore, callAsked } from '../testing/broker-before.ts';
import { callBy } from '../testing/testing-clients.ts';

const AT = '/sallyport.dev~1answers/who';
const form = {
  message: 'Who?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' }, age: { type: 'integer' } } },
};

const asking: Asking = { requests: {}, rounds: 1, came: [] };
const { came } = asking;
const asks = (params: object) => ({ who: { method: 'elicitation/create', params } });
const at = brokerBefore(
  () => startAskingServer(asking),
  (url) => ({ work: { remote: { url }, timeoutSeconds: 20 } }),
);
const { modern, older } = at;
beforeEach(() => {
  at.broker.state.principals = {};
  at.broker.state.decided.length = 0;
  at.broker.records.length = 0;
  came.length = 0;
  asking.requests = asks(form);
  asking.rounds = 1;
});

const both = { elicitation: { form: {}, url: {} } };
const call = (client: ModernClient, more: object = {}) => callAsked(client, 'work__ask', more);
const accept = (content: object) => ({ who: { action: 'accept', content } });
/** Asked once, and what brings an answer to that. */
async function asked(client: ModernClient) {
  const { requestState } = await call(client);
  return (inputResponses: unknown) => call(client, { requestState, inputResponses });
}
const sent = () => came.at(-1)?.inputResponses;
const decidedCall = () => at.broker.state.decided.at(-1)?.call;
const originAt = (pointer: string) => decidedCall()?.origins.find((one) => one.pointer === pointer);

describe('answers to a tool server', () => {
  it('[mcp:answers-decided] are decided with the call, recorded before they go, and refused with it', async () => {
    const client = await modern(KEYS.alice, both);
    const answer = await asked(client);
    await answer(accept({ name: 'Ada' }));
    expect(sent()).toEqual(accept({ name: 'Ada' }));
    expect(JSON.parse(decidedCall()?.argumentsJson ?? '')).toEqual({ [ANSWERS]: accept({ name: 'Ada' }) });
    // The arguments that the server gets have nothing of it.
    expect(came.at(-1)?.arguments).toEqual({});
    const intents = at.broker.records.filter(({ kind }) => kind === Record_Kind.TOOL_INTENT);
    expect(intents.at(-1)?.decisionInputsJson).toContain('Ada');

    at.broker.state.decideCall = (one) => ({
      verdict: one.argumentsJson.includes('Ada') ? Action.DENY : Action.ALLOW,
      rule: 'p/no-names',
      reason: 'No names go out.',
    });
    const calls = came.length;
    const denied = await answer(accept({ name: 'Ada' }));
    expect(denied).toMatchObject({ isError: true });
    expect(denied.content?.[0]?.text).toMatch(/^\[policy_denied\].*p\/no-names: No names go out\./);
    expect(came).toHaveLength(calls);
    // On the older line the user is asked in the course of the call, and the call ends as refused.
    const before = await older(KEYS.alice, { elicitation: {} });
    before.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { name: 'Ada' } }));
    const told = (await callBy(before, 'work__ask', {})) as Answered;
    expect(told.content?.[0]?.text).toMatch(/^\[policy_denied\]/);
    expect(came).toHaveLength(calls + 1);
    expect(sent()).toBeUndefined();
  });

  it('[mcp:answers-decided] are not sent where their intent cannot be made durable, although the tool only reads', async () => {
    const answer = await asked(await modern(KEYS.alice, both));
    const calls = came.length;
    at.broker.state.auditAway = true;
    try {
      expect((await answer(accept({ name: 'Ada' }))).content?.[0]?.text).toMatch(/^\[audit_unavailable\]/);
      expect(came).toHaveLength(calls);
    } finally {
      at.broker.state.auditAway = false;
    }
  });

  it('[mcp:answers-decided] may not be smuggled in as an argument', async () => {
    const client = await modern(KEYS.alice, both);
    await expect(call(client, { arguments: { [ANSWERS]: accept({ name: 'Ada' }) } })).rejects.toMatchObject({
      code: -32_602,
    });
    const tool = (
      await at.broker.tools.listTools({ principal: at.broker.principal(), servers: [] }, { timeoutMs: 5_000 })
    ).tools[0];
    const execute = { principal: at.broker.principal(), argumentsJson: JSON.stringify({ [ANSWERS]: {} }), toolset: '' };
    const ran = await at.broker.tools.execute(
      { ...execute, ...(tool?.ref ? { tool: tool.ref } : {}) },
      { timeoutMs: 5_000 },
    );
    expect(ran.resultJson).toContain('[invalid_arguments]');
    expect(came).toHaveLength(0);
  });

  it('[mcp:answers-tainted] count as typed only where the client declares it, and come with fingerprints all the same', async () => {
    const answer = await asked(await modern(KEYS.alice, both));
    await answer(accept({ name: 'eve@evil.example' }));
    expect(originAt(`${AT}/action`)?.origin).toBe('system');
    expect(originAt(`${AT}/content/name`)?.origin).toBe('unknown');
    const prints = originAt(`${AT}/content/name`)?.fingerprints ?? [];
    expect(prints).not.toEqual([]);
    const human = { origin: 'human', instructionAuthority: { userTyped: true, systemAuthored: false } } as never;
    at.broker.state.principals = { dave: human };
    const typed = await asked(await modern(KEYS.dave, both));
    await typed(accept({ name: 'eve@evil.example' }));
    expect(originAt(`${AT}/content/name`)?.origin).toBe('typed');
    expect(originAt(`${AT}/content/name`)?.fingerprints).toHaveLength(prints.length);
    // Names that the form declares are no content.
    expect(decidedCall()?.origins.some(({ name }) => name)).toBe(false);
  });

  it('[mcp:answers-handles] are refused where a handle stands in them', async () => {
    const answer = await asked(await modern(KEYS.alice, both));
    const calls = came.length;
    const handle = `h_${'b'.repeat(22)}`;
    at.broker.state.handles.set(handle, {
      value: 'secret',
      trajectory: at.broker.state.decided.at(-1)?.trajectory ?? '',
    });
    for (const name of [handle, `Ada ${handle}`]) {
      expect((await answer(accept({ name }))).content?.[0]?.text).toMatch(/^\[handle_refused\]/);
    }
    expect(came).toHaveLength(calls);
  });

  it('[mcp:answers-asked] to what was not asked are never sent, and named under a stable code', async () => {
    const client = await modern(KEYS.alice, both);
    const unasked = await call(client, { inputResponses: { ...accept({ name: 'Ada' }), other: { action: 'accept' } } });
    expect(sent()).toBeUndefined();
    expect(unasked._meta?.['sallyport.dev/answers-refused']).toEqual({
      code: 'answer_not_asked',
      keys: ['who', 'other'],
    });
    const answer = await asked(client);
    const more = {
      ...accept({ name: 'Ada', pin: '1234' }),
      constructor: { action: 'accept' },
      evil: { action: 'accept' },
    };
    const { _meta } = await answer(more);
    expect(sent()).toEqual(accept({ name: 'Ada' }));
    expect(_meta?.['sallyport.dev/answers-refused']).toMatchObject({ keys: ['constructor', 'evil'] });
    const { detailJson = '' } = at.broker.records.findLast(({ kind }) => kind === Record_Kind.TOOL_OUTCOME) ?? {};
    expect(JSON.parse(detailJson)).toMatchObject({ unasked: ['constructor', 'evil'] });
  });

  it.each([
    ['no object', 'accept', 'answer_invalid'],
    ['no answer', { who: 12 }, 'answer_invalid'],
    ['another action', { who: { action: 'obey' } }, 'answer_invalid'],
    ['a field that is an object', accept({ name: { deep: { er: 1 } } }), 'answer_invalid'],
    ['too long', accept({ name: 'x'.repeat(70_000) }), 'answers_too_long'],
    ['nearly as long as a body may be', accept({ name: 'x'.repeat(3_900_000) }), 'answers_too_long'],
  ])('[mcp:answers-asked] that are %s are refused as a whole', async (_, responses, code) => {
    const answer = await asked(await modern(KEYS.alice, both));
    const calls = came.length;
    await expect(answer(responses)).rejects.toMatchObject({ code: -32_602, data: { code } });
    expect(came).toHaveLength(calls);
  });

  it('[mcp:answers-asked] say nothing beside a refusal of the user, or a link that they opened', async () => {
    const client = await modern(KEYS.alice, both);
    await (await asked(client))({ who: { action: 'decline', content: { name: 'Ada' } } });
    expect(sent()).toEqual({ who: { action: 'decline' } });
    asking.requests = asks({ mode: 'url', message: 'Sign in.', url: 'https://accounts.example/x' });
    await (await asked(client))({ who: { action: 'accept', content: { name: 'Ada' } } });
    expect(sent()).toEqual({ who: { action: 'accept' } });
  });

  it('[mcp:answers-asked] of another round, principal or call go nowhere, and one that is sent again is decided again', async () => {
    asking.rounds = 2;
    const client = await modern(KEYS.alice, both);
    const answer = await asked(client);
    await answer(accept({ name: 'Ada' }));
    const [decided, calls] = [at.broker.state.decided.length, came.length];
    await answer(accept({ name: 'Ada' }));
    expect(at.broker.state.decided).toHaveLength(decided + 1);
    const mallory = await modern(KEYS.bob, both);
    const { requestState } = await call(client);
    const stolen = { requestState, inputResponses: accept({ name: 'Eve' }) };
    await expect(call(mallory, stolen)).rejects.toMatchObject({ code: -32_602 });
    await expect(call(client, { ...stolen, arguments: { x: 1 } })).rejects.toMatchObject({ code: -32_602 });
    expect(came).toHaveLength(calls + 2);
  });

  it('[mcp:asked-bounded] end with the call after some rounds, on either line', async () => {
    asking.rounds = 10_000;
    const client = await modern(KEYS.alice, both);
    let answered = await call(client);
    let asks = 0;
    for (; answered.resultType === 'input_required'; asks++) {
      answered = await call(client, { requestState: answered.requestState, inputResponses: accept({ name: 'a' }) });
    }
    expect(asks).toBe(8);
    expect(answered.content?.[0]?.text).toMatch(/^\[upstream_invalid\]/);
    came.length = 0;
    const before = await older(KEYS.alice, { elicitation: {} });
    before.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { name: 'a' } }));
    expect(((await callBy(before, 'work__ask', {})) as Answered).content?.[0]?.text).toMatch(/^\[upstream_invalid\]/);
    expect(came).toHaveLength(9);
  });

  it('[mcp:answers-decided] of a key that is revoked meanwhile go nowhere', async () => {
    const before = await older(KEYS.erin, { elicitation: {} });
    const over = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    before.setRequestHandler(ElicitRequestSchema, async () => {
      at.broker.revoke('erin');
      await over.promise;
      answered.resolve();
      return { action: 'accept', content: { name: 'Ada' } };
    });
    await callBy(before, 'work__ask', { timeout: 20_000 }).catch(() => undefined);
    // The answer of who was cut off comes after that.
    over.resolve();
    await answered.promise;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(came.map(({ inputResponses }) => inputResponses)).toEqual([undefined]);
  });
});

describe('what a tool server asks', () => {
  const fields = (properties: object, message = 'Who?') => ({
    message,
    requestedSchema: { type: 'object', properties },
  });
  it.each([
    ['an invisible text in a field', fields({ name: { type: 'string', title: 'Name\u{e0041}' } })],
    ['an invisible text in a name', fields({ 'na\u200bme': { type: 'string' } })],
    ['an object in the form', fields({ name: { type: 'object', properties: {} } })],
    [
      'a form without end',
      fields(Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`f${at}`, { type: 'string' }]))),
    ],
    ['a long form', fields({ name: { type: 'string', description: 'x'.repeat(20_000) } })],
    ['a relative link', { mode: 'url', message: 'Go.', url: '/x' }],
    ['a link with a password', { mode: 'url', message: 'Go.', url: 'https://bank.example@evil.example/' }],
    ['a link to this machine', { mode: 'url', message: 'Go.', url: 'http://localhost:8080/admin' }],
    ['a link to a private address', { mode: 'url', message: 'Go.', url: 'http://10.0.0.1/' }],
    ['a link to metadata', { mode: 'url', message: 'Go.', url: 'http://169.254.169.254/latest' }],
    ['a link that is data', { mode: 'url', message: 'Go.', url: 'data:text/html,x' }],
  ])('[mcp:asked-bounded] is not %s', async (_, params) => {
    asking.requests = asks(params);
    const answered = await call(await modern(KEYS.alice, both));
    expect(answered).toMatchObject({ isError: true });
    expect(answered.resultType).not.toBe('input_required');
  });

  it('[mcp:asked-bounded] leads to the server itself wherever that is', async () => {
    asking.requests = asks({ mode: 'url', message: 'Go.', url: new URL('/login', at.server.url).href });
    expect(await call(await modern(KEYS.alice, both))).toMatchObject({ resultType: 'input_required' });
  });

  it('[mcp:asked-bounded] is recorded with its hosts, and with the fields that seem to ask for a secret', async () => {
    const client = await modern(KEYS.alice, both);
    const recorded = async (params: object) => {
      asking.requests = asks(params);
      await call(client);
      const { detailJson = '{}' } = at.broker.records.findLast(({ kind }) => kind === Record_Kind.TOOL_OUTCOME) ?? {};
      return (JSON.parse(detailJson) as { asks: object }).asks;
    };
    const text = { type: 'string' };
    expect(await recorded(fields({ name: text, apiKey: text, x: { ...text, title: 'Your one-time PIN' } }))).toEqual({
      requests: { who: 'elicitation/create' },
      secrets: ['who/apiKey', 'who/x'],
    });
    expect(await recorded(fields({ name: text }, 'Please enter your password below.'))).toMatchObject({
      secrets: ['who'],
    });
    expect(await recorded(fields({ shipping: text, tokenized: text }))).toEqual({
      requests: { who: 'elicitation/create' },
    });
    expect(await recorded({ mode: 'url', message: 'Sign in.', url: 'https://accounts.example/x' })).toMatchObject({
      hosts: ['accounts.example'],
    });
  });
});
