import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { type FakeProvider, findSecret, startFakeProvider } from '../fakes/provider.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { admin, eventually, openHouse, PROVIDER_KEY, suiteWith, type TestSuite } from '../support/suite.ts';

const BROKEN = [
  'garbage',
  'cut',
  'utf8',
  'hang',
  'empty',
  '500',
  '429',
  'stall',
  '401',
  'huge',
  'late-error',
  'redirect',
].map((name) => `broken-${name}`);

let provider: FakeProvider;
let suite: TestSuite;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  provider = await startFakeProvider({ key: PROVIDER_KEY });
  const models = openHouse(provider, ['echo', ...BROKEN]);
  const fallback = (name: string, first: string) => ({
    kind: 'Model',
    name,
    spec: {
      targets: [
        { provider: 'fake-openai', model: first, priority: 0 },
        { provider: 'fake-anthropic', model: 'echo', priority: 1 },
      ],
      retry: { attempts: 0 },
    },
  });
  suite = await suiteWith([...models, fallback('saved', 'broken-500'), fallback('saved-empty', 'broken-empty')], {
    services: MODEL_PLANE,
  });
  openai = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: `${suite.endpoint}/anthropic`, apiKey: suite.key, maxRetries: 0 });
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await provider?.close();
}, 30_000);

interface Run {
  records: {
    kind: string;
    outcome: string;
    model: string;
    provider: string;
    errorCode?: string;
    costNanoUsd: number;
    inputTokens: number;
  }[];
}

const runOf = (trajectory: string) =>
  eventually(
    () => admin<Run>(suite, `trajectories/${trajectory}`).catch(() => ({ records: [] }) as Run),
    (run) => run.records.length > 0,
  );

async function post(path: string, body: string | object, headers: Record<string, string> = {}) {
  const answer = await fetch(`${suite.endpoint}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${suite.key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
}

const hello = (model: string) => ({ model, messages: [{ role: 'user' as const, content: 'hello fox' }] });

describe.each(['echo', 'echo-a'])('a model call to %s', (model) => {
  it('[model:openai-chat] answers the OpenAI SDK and leaves one record', async () => {
    const { data, response } = await openai.chat.completions.create(hello(model)).withResponse();
    expect(data.choices[0]?.message.content).toContain('hello fox');
    expect(response.headers.get('sallyport-cost-usd')).toMatch(/^0\.0000\d+$/);
    const run = await runOf(response.headers.get('sallyport-trajectory') ?? '');
    expect(run.records).toHaveLength(1);
    expect(run.records[0]).toMatchObject({ kind: 'model_call', outcome: 'ok', model });
    expect(run.records[0]?.costNanoUsd).toBeGreaterThan(0);
  });

  it('[model:openai-stream] streams to the OpenAI SDK with usage where it is asked for', async () => {
    const stream = await openai.chat.completions.create({
      ...hello(model),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let tokens = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    expect(text).toContain('hello fox');
    expect(tokens).toBeGreaterThan(0);
  });

  it('[model:anthropic-messages] answers and streams to the Anthropic SDK', async () => {
    const message = await anthropic.messages.create({ ...hello(model), max_tokens: 100 });
    expect(message.content[0]).toMatchObject({ type: 'text' });
    const streamed = await anthropic.messages.stream({ ...hello(model), max_tokens: 100 }).finalMessage();
    expect(streamed.content[0]).toMatchObject({ type: 'text' });
    expect(streamed.usage.output_tokens).toBeGreaterThan(0);
  });
});

it('[model:anthropic-request-id] names each request to the Anthropic SDK, answered, streamed, counted or refused', async () => {
  const asked = { ...hello('echo'), max_tokens: 100 };
  const ids = [
    (await anthropic.messages.create(asked).withResponse()).request_id,
    (await anthropic.messages.create({ ...asked, stream: true }).withResponse()).request_id,
    (await anthropic.messages.countTokens(hello('echo')).withResponse()).request_id,
    (await anthropic.models.list().withResponse()).request_id,
  ];
  for (const refused of [
    anthropic.messages.create({ ...asked, model: 'none' }),
    anthropic.messages.create({ ...asked, messages: [] }),
    anthropic.beta.messages.create({ ...asked, thread: { type: 'create' } } as never),
  ]) {
    const error = await refused.then(
      () => undefined,
      (caught: unknown) => caught as InstanceType<typeof Anthropic.APIError>,
    );
    expect(error?.status).toBeGreaterThanOrEqual(400);
    ids.push(error?.requestID);
  }
  expect(ids).toEqual(ids.map(() => expect.stringMatching(/^[0-9a-f-]{36}$/)));
  expect(new Set(ids).size).toBe(ids.length);
});

describe('models that no Model declares', () => {
  it('[providers:discovery][providers:attribution] are called by provider and name or by bare name, as one model, and told who asks', async () => {
    const credentials = { secretRef: { name: 'provider', key: 'key' } };
    const found = {
      type: 'litellm',
      baseURL: provider.openAiUrl,
      allowPrivateNetwork: true,
      credentials,
      discovery: { include: ['fa*'] },
      attribution: ['Key', 'User'],
    };
    suite.apply('found', [{ kind: 'ModelProvider', name: 'found', spec: found }]);
    const listed = async () => (await openai.models.list()).data.map(({ id }) => id);
    expect((await eventually(listed, (ids) => ids.includes('found:fake'))).filter((id) => id.includes(':'))).toEqual([
      'found:fake',
    ]);
    for (const name of ['found:fake', 'fake']) {
      const { data, response } = await openai.chat.completions.create(hello(name)).withResponse();
      expect(data.choices[0]?.message.content).toContain('hello fox');
      const trajectory = response.headers.get('sallyport-trajectory') ?? '';
      expect((await runOf(trajectory)).records).toMatchObject([{ model: 'found:fake', provider: 'found' }]);
      const sent = provider.requests.at(-1);
      expect(JSON.parse(sent?.body.toString() ?? '')).toMatchObject({ model: 'fake' });
      expect(sent?.headers['x-litellm-spend-logs-metadata']).toMatch(/^\{"user":"dana","key":"[^"]+"\}$/);
      expect(JSON.stringify(sent?.headers)).not.toContain(trajectory);
    }
    await expect(openai.chat.completions.create(hello('found:echo'))).rejects.toMatchObject({ status: 404 });
    const { items } = await admin<{ items: { name: string; status: object }[] }>(suite, 'resources?kind=ModelProvider');
    expect(items.find(({ name }) => name === 'found')?.status).toMatchObject({ models: ['fake'], modelCount: 1 });
    suite.remove('found');
    await eventually(listed, (ids) => !ids.includes('found:fake'));
  });
});

describe('what surrounds a model call', () => {
  it('[model:list] lists models by access and counts tokens', async () => {
    const names: string[] = [];
    for await (const model of openai.models.list()) names.push(model.id);
    expect(names).toEqual(expect.arrayContaining(['echo', 'echo-a', 'saved']));
    const counted = await anthropic.messages.countTokens({ ...hello('echo') });
    expect(counted.input_tokens).toBeGreaterThan(0);
  });

  it('[model:no-passthrough] never sends the client key upstream and keeps unknown fields', async () => {
    provider.clear();
    await post('/v1/chat/completions', { ...hello('echo'), made_up_field: { deep: [1] } });
    const request = provider.requests.at(-1);
    expect(request?.json).toMatchObject({ made_up_field: { deep: [1] } });
    for (const one of provider.requests) expect(findSecret(one, suite.key)).toEqual([]);
  });

  it('[model:fallback] goes on to the next target before the first byte, also on a stream', async () => {
    const answer = await openai.chat.completions.create(hello('saved'));
    expect(answer.choices[0]?.message.content).toContain('hello fox');
    let text = '';
    for await (const chunk of await openai.chat.completions.create({ ...hello('saved-empty'), stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toContain('hello fox');
  });
});

describe('bad input', () => {
  it.each([
    [
      '[bad:unknown-key] an unknown key',
      { authorization: 'Bearer sp-none-such' },
      hello('echo'),
      401,
      'unauthenticated',
    ],
    ['[bad:no-key] no key', { authorization: '' }, hello('echo'), 401, 'unauthenticated'],
    ['[bad:unknown-model] an unknown model', {}, hello('nope'), 404, 'not_found'],
    ['[bad:json] invalid JSON', {}, '{"model":', 400, 'invalid_request'],
    ['[bad:duplicate-key] a key twice', {}, '{"model":"echo","messages":[],"model":"x"}', 400, 'duplicate_key'],
    [
      '[bad:depth] a body too deep',
      {},
      `{"model":"echo","messages":[],"x":${'['.repeat(5000)}${']'.repeat(5000)}}`,
      400,
      'body_too_deep',
    ],
    ['[bad:shape] messages of the wrong type', {}, { model: 'echo', messages: 'hi' }, 400, 'invalid_request'],
  ])('%s is refused in the dialect of the caller', async (_name, headers, body, status, code) => {
    const openAi = await post('/v1/chat/completions', body, headers);
    // OpenAI has a code of its own for it.
    expect([openAi.status, openAi.json().error.code]).toEqual([
      status,
      code === 'not_found' ? 'model_not_found' : code,
    ]);
    const messages = await post('/v1/messages', typeof body === 'string' ? body : { ...body, max_tokens: 5 }, headers);
    expect(messages.status).toBe(status);
    expect(messages.json()).toMatchObject({ type: 'error', error: { code } });
  });

  it('[bad:size] a body too large is 413', async () => {
    const answer = await post('/v1/chat/completions', { ...hello('echo'), pad: 'x'.repeat(21 * 1024 * 1024) });
    expect(answer.status).toBe(413);
  });
});

describe('a provider that misbehaves', () => {
  it.each(BROKEN)(
    '[fault:provider] %s ends in a clean error, and the process lives',
    async (name) => {
      for (const model of [name, `${name}-a`]) {
        const whole = await post('/v1/chat/completions', hello(model));
        expect(whole.status === 200 || whole.json().error.code).toBeTruthy();
        if (!['broken-cut', 'broken-utf8', 'broken-stall', 'broken-late-error', 'broken-huge'].includes(name)) {
          expect(whole.status).toBeGreaterThanOrEqual(400);
        }
        const stream = await post('/v1/messages', { ...hello(model), max_tokens: 9, stream: true });
        expect(stream.text).not.toContain('169.254');
        if (stream.status === 200) expect(stream.text).toMatch(/event: (error|message_stop)/);
        else expect(stream.json().type).toBe('error');
      }
      expect((await openai.chat.completions.create(hello('echo'))).choices).toHaveLength(1);
    },
    60_000,
  );

  it('[fault:recorded] leaves a record of what happened', async () => {
    const answer = await post('/v1/chat/completions', hello('broken-500'));
    const run = await runOf(answer.headers.get('sallyport-trajectory') ?? '');
    expect(run.records[0]).toMatchObject({ kind: 'model_call', outcome: 'error' });
    expect(run.records[0]?.errorCode).toMatch(/upstream/);
  });
});
