import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { Amounts, Reservation } from '@sallyport/peers/limits';
import { type Called, openDesk } from '../operations/testing.ts';
import { RoutingState } from '../routing/state.ts';
import type { UpstreamCall } from '../upstream/upstream.ts';
import { controlsOf, UNSAID, withoutControls } from './controls.ts';
import { modelOf, providerOf, turnOf } from './testing.ts';
import { house, message, sse } from './testing-provider.ts';

const named = (name: string, spec: object = {}, type = 'openai-compatible') => ({
  ...modelOf([providerOf(type, name)], spec),
  publicName: name,
  uid: name,
});
const said = (content: string) => ({
  body: JSON.stringify({
    id: 'c',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }),
});
const CLAUDE = JSON.stringify(message(1, 1));
/** Providers of which `one` never says anything, and the others do; `asked` are the calls. */
function upstreamWith(asked: string[] = []) {
  const request = async ({ name }: { name: string }, { signal, body }: UpstreamCall) => {
    asked.push(name);
    if (name === 'one' || name === 'mute') {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    }
    const text = JSON.parse(String(body)).stream === true ? sse(1) : said('From two.').body;
    return { status: 200, headers: {}, text: async () => text, body: Readable.from([Buffer.from(text)]) };
  };
  return { request };
}
const ASKS: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'hi' }] },
  '/v1/messages': { max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] },
  '/v1/responses': { input: 'hi', store: false },
};
const BOLD = {
  timeout: 30,
  stream_timeout: 20,
  num_retries: 4,
  drop_params: false,
  tags: ['a'],
  usage: { include: false },
};

describe('what a request asks of the gateway', () => {
  it('[routing:asked-less] is read of body and headers, the smaller of both; most say nothing', () => {
    expect(controlsOf({ model: 'm' }, {}, false)).toBe(UNSAID);
    expect(controlsOf({ timeout: 3, num_retries: 0 }, { 'x-litellm-timeout': '2.5' }, false)).toEqual({
      ...UNSAID,
      timeoutMs: 2_500,
      retries: 0,
    });
    expect(controlsOf(undefined, { 'x-litellm-num-retries': '2' }, false)).toEqual({ ...UNSAID, retries: 2 });
    // A stream has a time of its own.
    const both = { timeout: 3, stream_timeout: 9 };
    expect([true, false].map((stream) => controlsOf(both, {}, stream).timeoutMs)).toEqual([9_000, 3_000]);
    expect(controlsOf({ timeout: null, tags: ['a'] }, {}, true)).toEqual(UNSAID);
  });

  it('[routing:asked-less] is taken out of the body, and nothing else', () => {
    const rest = { model: 'm', user: 'u', metadata: { user_id: 'x' } };
    expect(withoutControls({ ...rest, ...BOLD, metadata: { user_id: 'x', tags: ['t'] } })).toEqual(rest);
    expect(withoutControls({ model: 'm', metadata: { tags: ['t'] } })).toEqual({ model: 'm' });
    const beside = {
      litellm_metadata: { tags: ['e'] },
      litellm_session_id: 's',
      litellm_trace_id: 't',
      litellm_call_id: 'c',
    };
    expect(withoutControls({ model: 'm', ...beside, route: 'fallback', transforms: [] })).toEqual({ model: 'm' });
    const demands = { model: 'm', route: 'else', transforms: ['middle-out'] };
    expect(withoutControls({ ...demands, ...beside })).toEqual(demands);
    // A value of OpenAI's own metadata.
    expect(withoutControls({ model: 'm', metadata: { tags: 't' } })).toEqual({ model: 'm', metadata: { tags: 't' } });
  });

  it.each<[object, Record<string, string>, string]>([
    [{ timeout: 0 }, {}, 'timeout'],
    [{ timeout: '5' }, {}, 'timeout'],
    [{ timeout: Number.NaN }, {}, 'timeout'],
    [{ stream_timeout: -1 }, {}, 'stream_timeout'],
    [{ num_retries: 1.5 }, {}, 'num_retries'],
    [{ num_retries: -1 }, {}, 'num_retries'],
    [{ drop_params: 'yes' }, {}, 'drop_params'],
    [{ usage: true }, {}, 'usage'],
    [{ usage: { include: 1 } }, {}, 'usage.include'],
    [{ tags: 'a' }, {}, 'tags'],
    [{}, { 'x-litellm-timeout': 'soon' }, 'x-litellm-timeout'],
    [{}, { 'x-litellm-timeout': '0' }, 'x-litellm-timeout'],
    [{}, { 'x-litellm-num-retries': '-1' }, 'x-litellm-num-retries'],
  ])('[routing:asked-amiss] %j %j is refused with its field', (body, headers, param) => {
    expect(() => controlsOf(body as never, headers, false)).toThrow(
      expect.objectContaining({ code: 'invalid_request', details: { param } }),
    );
  });
});

describe.each(Object.keys(ASKS))('asking for less at %s', (path) => {
  it('[routing:asked-less] reaches no provider, asks for nothing beyond what is declared, and goes with fallbacks', async () => {
    const desk = await openDesk({
      models: [named('one', { retry: { attempts: 1, longestWaitSeconds: 0 } }), named('two')],
    });
    desk.script(({ provider }: Called) => (provider === 'one' ? { status: 500, body: '{}' } : said('From two.')));
    const ask = (more: object) => desk.post(path, { ...ASKS[path], model: 'one', fallbacks: ['two'], ...more });
    const many = await ask({ ...BOLD, metadata: { tags: ['b'] } });
    expect([many.status, many.headers.get('sallyport-provider')]).toEqual([200, 'two']);
    expect(desk.calls.map(({ provider }) => provider)).toEqual(['one', 'one', 'two']);
    for (const { text } of desk.calls) expect(text).not.toMatch(/timeout|retries|drop_params|tags|"usage"|fallbacks/);
    desk.calls.length = 0;
    await ask({ num_retries: 0 });
    expect(desk.calls.map(({ provider }) => provider)).toEqual(['one', 'two']);
    await desk.close();
  });

  it('[routing:attempts-told] is told of in headers, where something was tried again', async () => {
    const desk = await openDesk({
      models: [named('one', { retry: { attempts: 1, longestWaitSeconds: 0 } }), named('two')],
    });
    let fails = true;
    desk.script(({ provider }: Called) => (fails && provider === 'one' ? { status: 500, body: '{}' } : said('Hi.')));
    const told = async () => {
      const { headers } = await desk.post(path, { ...ASKS[path], model: 'one', fallbacks: ['two'] });
      return ['retries', 'fallbacks'].map((what) => headers.get(`sallyport-attempted-${what}`));
    };
    expect(await told()).toEqual(['1', '1']);
    fails = false;
    expect(await told()).toEqual([null, null]);
    await desk.close();
  });

  it.each([false, true])(
    '[routing:asked-less] a call that is slower than asked is given up, and another target asked; stream: %s',
    async (stream) => {
      const asked: string[] = [];
      const desk = await openDesk({ models: [named('one'), named('two')], ports: { upstream: upstreamWith(asked) } });
      const began = Date.now();
      const answer = await desk.post(path, { ...ASKS[path], model: 'one', timeout: 0.02, stream, fallbacks: ['two'] });
      await answer.text();
      expect(Date.now() - began).toBeLessThan(900);
      expect(asked).toEqual(['one', 'two']);
      await desk.close();
    },
  );

  it('[routing:asked-amiss] what cannot be read is a 400 in the dialect of the caller', async () => {
    const desk = await openDesk({ models: [named('one')] });
    const answer = await desk.post(path, { ...ASKS[path], model: 'one', timeout: 'soon' });
    const { error, type } = (await answer.json()) as { error: Record<string, unknown>; type?: string };
    expect([answer.status, error.code, error.param]).toEqual([400, 'invalid_request', 'timeout']);
    expect(type).toBe(path === '/v1/messages' ? 'error' : undefined);
    expect(desk.calls).toEqual([]);
    await desk.close();
  });
});

describe('asking for less where no chat is asked for', () => {
  const asked = { ...BOLD, usage: { include: true }, model: 'one' };
  it.each([
    ['/v1/embeddings', { input: 'hi' }, '{"data":[{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":1000000}}', 1],
    ['/v1/completions', { prompt: 'hi' }, '{"choices":[{"text":"Hi."}],"usage":{"completion_tokens":500000}}', 1],
    ['/v1/moderations', { input: 'hi' }, '{"results":[]}', undefined],
  ])(
    '[routing:asked-less] [turn:usage-cost] reaches no provider from %s, and tells the cost',
    async (path, body, text, cost) => {
      const desk = await openDesk({ models: [named('one', {}, 'openai')] });
      desk.script(() => ({ body: text }));
      const answer = await desk.post(path, { ...asked, ...body });
      const { usage } = (await answer.json()) as { usage?: { cost?: number } };
      expect([answer.status, usage?.cost]).toEqual([200, cost]);
      expect(JSON.parse(desk.calls[0]?.text ?? '')).toEqual({ ...body, model: 'one-model' });
      expect((await desk.post(path, { ...asked, ...body, timeout: -1 })).status).toBe(400);
      await desk.close();
    },
  );

  it('[turn:usage-cost] is told at the end of a stream of completions', async () => {
    const desk = await openDesk({ models: [named('one', {}, 'openai')] });
    const chunks = [
      { choices: [{ text: 'Hi.', finish_reason: 'stop' }] },
      { choices: [], usage: { completion_tokens: 500_000 } },
    ];
    const frames = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');
    desk.script(() => ({ type: 'text/event-stream', body: `${frames}data: [DONE]\n\n` }));
    const more = { prompt: 'hi', stream: true, stream_options: { include_usage: true } };
    const answer = await desk.post('/v1/completions', { ...asked, ...more });
    expect(await answer.text()).toContain('"cost":1}');
    await desk.close();
  });

  it('[routing:asked-less] a slow one is given up', async () => {
    const desk = await openDesk({ models: [named('one')], ports: { upstream: upstreamWith() } });
    const answer = await desk.post('/v1/embeddings', { model: 'one', input: 'hi' }, { 'x-litellm-timeout': '0.02' });
    expect([answer.status, await answer.json()]).toMatchObject([504, { error: { code: 'upstream_timeout' } }]);
    await desk.close();
  });
});

describe('a target that was slower than a request allows', () => {
  it('[routing:asked-blameless] is not held to it: its breaker stays shut, where its own time opens it', async () => {
    const routing = new RoutingState();
    const model = named('one', {
      breaker: { failurePercent: 50, minimumCalls: 2, windowSeconds: 10, openSeconds: 5, probes: 1 },
    });
    const desk = await openDesk({ models: [model], ports: { routing, upstream: upstreamWith() } });
    const [target] = model.targets;
    if (target === undefined) throw new TypeError('no target');
    const phase = () => routing.of(target).breaker.phase(routing.now());
    const ask = (timeout?: number) =>
      desk.post('/v1/chat/completions', { ...ASKS['/v1/chat/completions'], model: 'one', timeout });
    const impatient = await Promise.all([ask(0.01), ask(0.01), ask(0.01)]);
    expect([impatient.map(({ status }) => status), phase()]).toEqual([[504, 504, 504], 'closed']);
    const patient = await Promise.all([ask(600), ask(), ask()]);
    expect([patient.map(({ status }) => status), phase()]).toEqual([[504, 504, 504], 'open']);
    await desk.close();
  });
});

describe('a call that its client broke off', () => {
  it('[limits:broken-off] [limits:broken-off-recorded] has spent what was set aside for it, at each target that was asked', async () => {
    const spent: Amounts[] = [];
    const amounts = { requests: 1, steps: 1, tokens: 40, nano_usd: 7 };
    const limits = {
      reserve: async (): Promise<Reservation> => ({
        touched: [],
        amounts,
        settle: (one) => void spent.push(one),
        allowance: () => undefined,
      }),
    };
    const desk = await openDesk({ models: [named('one'), named('mute')], ports: { limits, upstream: upstreamWith() } });
    const ask = (timeout?: number, fallbacks?: string[]) =>
      desk.post('/v1/chat/completions', { ...ASKS['/v1/chat/completions'], model: 'one', timeout, fallbacks });
    expect([(await ask(0.01)).status, (await ask()).status]).toEqual([504, 504]);
    expect((await ask(0.01, ['mute'])).status).toBe(504);
    // The second was given up by the gateway itself, in the provider's own time.
    expect(spent).toEqual([
      { requests: 1, tokens: 40, nano_usd: 7 },
      { requests: 1, tokens: 0, nano_usd: 0 },
      { requests: 1, tokens: 40, nano_usd: 7 },
      { requests: 0, tokens: 40, nano_usd: 7 },
    ]);
    const told = desk.kept.records.map(({ inputTokens = 0, outputTokens, usageEstimated, outcome }) => ({
      known: inputTokens > 0,
      outputTokens,
      usageEstimated,
      outcome,
    }));
    expect(told).toEqual([
      { known: true, outputTokens: 256, usageEstimated: true, outcome: 'error' },
      { known: false, outputTokens: 0, usageEstimated: false, outcome: 'error' },
      { known: true, outputTokens: 512, usageEstimated: true, outcome: 'error' },
    ]);
    await desk.close();
  });

  it('[limits:broken-off-recorded] stands in the record of the answer that another target gave in its place', async () => {
    const desk = await openDesk({ models: [named('one'), named('two')], ports: { upstream: upstreamWith() } });
    const ask = async (more: object) => {
      const asked = { ...ASKS['/v1/chat/completions'], max_tokens: 64, ...more };
      return ((await (await desk.post('/v1/chat/completions', asked)).json()) as { usage: unknown }).usage;
    };
    const usage = await ask({ model: 'two' });
    expect(await ask({ model: 'one', timeout: 0.02, fallbacks: ['two'] })).toEqual(usage);
    const [alone, after] = desk.kept.records;
    if (alone === undefined || after === undefined) throw new TypeError('no records');
    expect(after).toMatchObject({ usageEstimated: true, outcome: 'ok', outputTokens: (alone.outputTokens ?? 0) + 64 });
    expect(after.inputTokens).toBeGreaterThan(alone.inputTokens ?? 0);
    expect(after.costNanoUsd).toBeGreaterThan(alone.costNanoUsd ?? 0);
    expect(alone).toMatchObject({ usageEstimated: false });
    await desk.close();
  });
});

describe('what a target cannot be told', () => {
  it('[routing:asked-drop] is left out where the request says so, unless it demands that all is told', async () => {
    const desk = await openDesk({ models: [named('claude', {}, 'anthropic')] });
    desk.script(() => ({ body: CLAUDE }));
    const ask = (more: object) =>
      desk.post('/v1/chat/completions', {
        ...ASKS['/v1/chat/completions'],
        model: 'claude',
        logit_bias: { 5: 1 },
        ...more,
      });
    expect((await ask({})).status).toBe(400);
    const dropped = await ask({ drop_params: true });
    expect([dropped.status, dropped.headers.get('sallyport-dropped')]).toEqual([200, expect.stringContaining('logit')]);
    expect((await ask({ drop_params: true, provider: { require_parameters: true } })).status).toBe(400);
    await desk.close();
  });

  it('[routing:asked-drop] is not left out of an answer that is kept, for who did not say so', async () => {
    const model = modelOf([providerOf('anthropic')], { cache: { ttl: '1h', scope: 'Principal' } });
    const { ask } = house(() => JSON.parse(CLAUDE));
    const dropped = { model, body: { logit_bias: { 5: 1 }, drop_params: true } };
    expect([(await ask(dropped)).cache, (await ask(dropped)).cache]).toEqual(['miss', 'hit']);
    expect((await ask({ model, body: { logit_bias: { 5: 1 } } })).error).toMatchObject({ code: 'unsupported' });
  });
});

describe('guardrails that a request names', () => {
  it("[routing:asked-guardrails] are refused where they would be lost in another dialect, and go on in the client's own", async () => {
    const desk = await openDesk({ models: [named('claude', { unsupported: 'Drop' }, 'anthropic'), named('own')] });
    desk.script(() => said('Hi.'));
    const ask = (model: string, guardrails: unknown) =>
      desk.post('/v1/chat/completions', { ...ASKS['/v1/chat/completions'], model, guardrails, drop_params: true });
    const refused = await ask('claude', ['pii']);
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { error: { code: 'unsupported', param: 'guardrails' } },
    ]);
    expect(desk.calls).toEqual([]);
    expect((await ask('own', ['pii'])).status).toBe(200);
    expect(desk.calls[0]?.text).toContain('"guardrails":["pii"]');
    await desk.close();
  });
});

describe("LiteLLM's tags and end user", () => {
  const SAID = {
    headers: { 'x-litellm-tags': 'a, b', 'x-litellm-end-user-id': 'c1' },
    body: { tags: ['c'], metadata: { tags: ['d', 1] }, litellm_metadata: { tags: ['e'] } },
  };
  it('[turn:litellm-tags] count where the key may assert them, and else not', () => {
    const turn = turnOf({ ...SAID, principal: { mayAssert: ['tags', 'customer'], tags: ['own'] } });
    expect(turn.attribution).toMatchObject({ tags: ['own', 'a', 'b', 'c', 'd', 'e'], customer: 'c1' });
    expect(JSON.parse(turn.bytes.toString())).toEqual(expect.not.objectContaining({ tags: expect.anything() }));
    expect(turn.body.metadata).toBeUndefined();
    const other = turnOf({ ...SAID, principal: { tags: ['own'] } });
    expect(other.attribution).toMatchObject({ tags: ['own'], customer: '' });
  });
});
