import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, { type APIError } from 'openai';
import { type MoodyProvider, startMoodyProvider } from '../fakes/moody-provider.ts';
import { LONG, limited } from '../support/limited-keys.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { eventually, PRICE, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

const NAMES = ['quick', 'slow'] as const;
const providers = {} as Record<(typeof NAMES)[number], MoodyProvider>;
let suite: TestSuite;

const model = (name: string, retries = 1): ResourceInit => ({
  kind: 'Model',
  name,
  spec: {
    targets: [{ provider: name, model: `at-${name}` }],
    price: PRICE,
    retry: { attempts: retries, longestWaitSeconds: 1 },
  },
});

beforeAll(async () => {
  for (const name of NAMES) providers[name] = await startMoodyProvider(name);
  const virtualKey = (name: string) => ({
    kind: 'VirtualKey',
    name,
    spec: { owner: name, targetSecret: { name: `${name}-key`, key: 'key' } },
  });
  suite = await suiteWith(
    [
      { kind: 'Secret', name: 'first', stringData: { key: 'value' } },
      ...NAMES.map((name) => ({
        kind: 'ModelProvider',
        name,
        spec: {
          type: 'openai-compatible',
          baseURL: providers[name].url,
          allowPrivateNetwork: true,
          credentials: { secretRef: { name: 'first', key: 'key' } },
        },
      })),
      ...NAMES.map((name) => model(name)),
      { kind: 'AccessPolicy', name: 'everyone', spec: { subjects: { everyone: true }, models: ['*'] } },
      ...limited('metered', { per: 'Key', requests: 4, tokens: 50_000, window: LONG }),
      ...limited('metered-too', { per: 'Key', requests: 2, window: LONG }),
      virtualKey('demo'),
    ],
    { services: MODEL_PLANE },
  );
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await Promise.all(Object.values(providers).map((one) => one.close()));
}, 30_000);

const openAi = async (key?: string) =>
  new OpenAI({
    baseURL: `${suite.endpoint}/v1`,
    apiKey: key === undefined ? suite.key : await suite.keyOf('default', key),
    maxRetries: 0,
  });
const anthropic = async (key?: string) =>
  new Anthropic({
    baseURL: `${suite.endpoint}/anthropic`,
    apiKey: key === undefined ? suite.key : await suite.keyOf('default', key),
    maxRetries: 0,
  });
const messages = [{ role: 'user' as const, content: 'hello' }];
const limits = (headers: Headers) =>
  Object.fromEntries([...headers].filter(([name]) => name.includes('ratelimit') || name === 'retry-after'));
const calm = () => {
  for (const name of NAMES) {
    providers[name].mood = () => ({ text: name });
    providers[name].asked.length = 0;
  }
};

describe('what is left of limits', () => {
  it('[limits:told] is told to the OpenAI SDK on answers, streams and refusals', async () => {
    calm();
    const client = await openAi('metered');
    const whole = await client.chat.completions.create({ model: 'quick', messages }).withResponse();
    const told = limits(whole.response.headers);
    expect(told).toMatchObject({
      'x-ratelimit-limit-requests': '4',
      'x-ratelimit-remaining-requests': '3',
      'x-ratelimit-reset-requests': expect.stringMatching(/^\d+h\d+m\d+s$/),
      'x-ratelimit-limit-tokens': '50000',
    });
    const used = whole.data.usage?.total_tokens ?? 0;
    expect(Number(told['x-ratelimit-remaining-tokens'])).toBe(50_000 - used);
    const stream = await client.chat.completions.create({ model: 'quick', messages, stream: true }).withResponse();
    for await (const chunk of stream.data) expect(chunk.object).toBe('chat.completion.chunk');
    expect(limits(stream.response.headers)['x-ratelimit-remaining-requests']).toBe('2');
    for (let call = 0; call < 2; call++) await client.chat.completions.create({ model: 'quick', messages });
    const refused = await client.chat.completions.create({ model: 'quick', messages }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
    expect(limits((refused as APIError).headers as Headers)).toMatchObject({
      'retry-after': expect.stringMatching(/^\d+$/),
      'x-ratelimit-limit-requests': '4',
      'x-ratelimit-remaining-requests': '0',
    });
  });

  it("[limits:told] is told to Anthropic's SDK as Anthropic does", async () => {
    calm();
    const client = await anthropic('metered-too');
    const ask = () => client.messages.create({ model: 'quick', max_tokens: 50, messages });
    const { response } = await ask().withResponse();
    expect(limits(response.headers)).toEqual({
      'anthropic-ratelimit-requests-limit': '2',
      'anthropic-ratelimit-requests-remaining': '1',
      'anthropic-ratelimit-requests-reset': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    await ask();
    const refused = await ask().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Anthropic.RateLimitError);
    expect(limits((refused as { headers: Headers }).headers)).toMatchObject({
      'retry-after': expect.any(String),
      'anthropic-ratelimit-requests-remaining': '0',
    });
  });

  it('[limits:told] is not told where there is no limit', async () => {
    calm();
    const { response } = await (await openAi()).chat.completions.create({ model: 'quick', messages }).withResponse();
    expect(limits(response.headers)).toEqual({});
  });
});

describe('what an answer cost', () => {
  it('[turn:usage-cost] is told to the OpenAI SDK, whole and at the end of a stream', async () => {
    calm();
    const client = await openAi();
    const asked = { model: 'quick', messages, usage: { include: true } };
    const whole = await client.chat.completions.create(asked as never).withResponse();
    const { usage } = whole.data as unknown as { usage: { cost: number } };
    expect(usage.cost).toBeGreaterThan(0);
    expect(String(usage.cost)).toBe(whole.response.headers.get('sallyport-cost-usd'));
    let last: unknown;
    const stream = client.chat.completions.create({ ...asked, stream: true } as never) as unknown;
    for await (const chunk of (await stream) as AsyncIterable<OpenAI.ChatCompletionChunk>) last = chunk.usage ?? last;
    expect(last).toMatchObject({ cost: usage.cost, total_tokens: expect.any(Number) });
    for (const { body } of providers.quick.asked) expect(body).not.toHaveProperty('usage');
  });

  it("[turn:usage-cost] is told to Anthropic's SDK", async () => {
    const answer = await (await anthropic()).messages.create({
      ...{ usage: { include: true } },
      model: 'quick',
      max_tokens: 50,
      messages,
    });
    expect((answer.usage as unknown as { cost: number }).cost).toBeGreaterThan(0);
  });
});

describe('what an answer took and cost, asked for afterwards', () => {
  const generation = (client: OpenAI, id: string | null) =>
    client.get('/generation', { query: { id } }) as Promise<{ data: Record<string, unknown> }>;
  const recorded = (client: OpenAI, id: string | null) =>
    eventually(
      () => generation(client, id).catch((error: unknown) => error),
      (found) => !(found instanceof OpenAI.NotFoundError),
    );

  it('[audit:generation] is told to the OpenAI SDK by the id of the turn, whole and streamed', async () => {
    calm();
    const client = await openAi();
    const { data, response } = await client.chat.completions.create({ model: 'quick', messages }).withResponse();
    const turn = response.headers.get('sallyport-turn');
    const cost = Number(response.headers.get('sallyport-cost-usd'));
    const { usage } = data;
    expect(await recorded(client, turn)).toEqual({
      data: expect.objectContaining({
        id: turn,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        model: 'quick',
        provider_name: 'quick',
        streamed: false,
        cancelled: false,
        finish_reason: data.choices[0]?.finish_reason,
        tokens_prompt: usage?.prompt_tokens,
        tokens_completion: usage?.completion_tokens,
        native_tokens_prompt: usage?.prompt_tokens,
        native_tokens_completion: usage?.completion_tokens,
        total_cost: cost,
        usage: cost,
        latency: expect.any(Number),
        generation_time: expect.any(Number),
        upstream_id: null,
      }),
    });
    expect(cost).toBeGreaterThan(0);
    providers.slow.mood = () => ({ status: 500 });
    const stream = await client.chat.completions
      .create({ ...{ fallbacks: ['quick'] }, model: 'slow', messages, stream: true })
      .withResponse();
    for await (const chunk of stream.data) expect(chunk.object).toBe('chat.completion.chunk');
    expect(await recorded(client, stream.response.headers.get('sallyport-turn'))).toMatchObject({
      data: { model: 'quick', provider_name: 'quick', streamed: true, total_cost: expect.any(Number) },
    });
  });

  it("[audit:generation] is told of by nobody else's key, as if it never was", async () => {
    calm();
    const client = await openAi();
    const { response } = await client.chat.completions.create({ model: 'quick', messages }).withResponse();
    const turn = response.headers.get('sallyport-turn');
    expect(await recorded(client, turn)).toMatchObject({ data: { id: turn } });
    const others = await openAi('metered');
    const [foreign, unknown] = await Promise.all(
      [turn, 'gen-1'].map((id) => generation(others, id).catch((error: unknown) => error as APIError)),
    );
    expect(foreign).toBeInstanceOf(OpenAI.NotFoundError);
    expect(unknown).toMatchObject({ status: 404, error: (foreign as APIError).error });
  });
});

describe('a request that asks for less time and fewer retries', () => {
  const fallbacks = { fallbacks: ['quick'] };

  it.each([
    ['in the body', { timeout: 0.2 }, {}],
    ['in a header', {}, { 'x-litellm-timeout': '0.2' }],
  ])('[routing:asked-less] is answered by its fallback when a provider is slow: %s', async (_where, more, headers) => {
    calm();
    providers.slow.mood = () => ({ text: 'late', delayMs: 4_000 });
    const began = Date.now();
    const body = { model: 'slow', messages, ...fallbacks, ...more };
    const { data, response } = await (await openAi()).chat.completions.create(body, { headers }).withResponse();
    expect([data.choices[0]?.message.content, response.headers.get('sallyport-attempted-fallbacks')]).toEqual([
      'quick',
      '1',
    ]);
    expect(Date.now() - began).toBeLessThan(3_000);
    const claude = { model: 'slow', max_tokens: 50, messages, ...fallbacks, ...more };
    const { content } = await (await anthropic()).messages.create(claude, { headers });
    expect(content[0]).toMatchObject({ text: 'quick' });
    for (const { body } of providers.slow.asked) expect(body).not.toHaveProperty('timeout');
  });

  it('[routing:asked-less] is tried as often as its Model says, or less', async () => {
    calm();
    providers.slow.mood = () => ({ status: 500 });
    const client = await openAi();
    const ask = async (more: object) => {
      providers.slow.asked.length = 0;
      const { response } = await client.chat.completions
        .create({ model: 'slow', messages, ...fallbacks, ...more })
        .withResponse();
      return [providers.slow.asked.length, response.headers.get('sallyport-attempted-retries')];
    };
    expect(await ask({ num_retries: 0 })).toEqual([1, null]);
    expect(await ask({ num_retries: 9 })).toEqual([2, '1']);
  });

  it('[routing:asked-amiss] is refused where it cannot be read', async () => {
    calm();
    const openai = await openAi();
    const refused = await openai.chat.completions
      .create({ model: 'quick', messages, ...{ timeout: 'soon' } })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.BadRequestError);
    expect(refused).toMatchObject({ code: 'invalid_request', param: 'timeout' });
    const claude = await anthropic();
    const other = await claude.messages
      .create({ model: 'quick', max_tokens: 5, messages, ...{ num_retries: -1 } })
      .catch((error: unknown) => error);
    expect(other).toBeInstanceOf(Anthropic.BadRequestError);
    expect(other).toMatchObject({ error: { error: { type: 'invalid_request_error', code: 'invalid_request' } } });
    expect(providers.quick.asked).toEqual([]);
  });
});
