import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { modelOf, providerOf } from '../turn/testing.ts';
import { type Desk, openDesk } from './testing.ts';

let desk: Desk;
const PRICE = {
  inputPerMillionTokens: '1',
  outputPerMillionTokens: '2',
  perImage: '0.04',
  perMillionCharacters: '15',
  perHourOfAudio: '0.36',
  perThousandSearches: '2',
};
const compatible = providerOf('openai-compatible', 'compat');
const lite = providerOf('litellm', 'lite');
const router = providerOf('openrouter', 'router');
const named = (publicName: string, providers: Parameters<typeof modelOf>[0], spec: object = {}) => ({
  ...modelOf(providers, { price: PRICE, ...spec }),
  publicName,
});

beforeAll(async () => {
  desk = await openDesk({
    models: [
      named('m', [compatible]),
      named('g', [providerOf('gemini-compatible', 'gem')]),
      named('a', [providerOf('anthropic-compatible', 'ant')]),
      named('both', [providerOf('anthropic-compatible', 'ant'), compatible, providerOf('openai-compatible', 'second')]),
      named('kind', [compatible], { decoration: { system: [] } }),
      named('short', [compatible], { maxOutputTokens: 5 }),
      named('lite', [{ ...lite, spec: { ...lite.spec, attribution: ['User', 'Key'] } }]),
      named('router', [{ ...router, spec: { ...router.spec, attribution: ['User', 'Key'] } }]),
      named('unpriced', [compatible], { price: { inputPerMillionTokens: '0', outputPerMillionTokens: '0' } }),
    ],
  });
});
afterAll(() => desk.close());
beforeEach(() => {
  desk.calls.length = 0;
  desk.kept.records.length = 0;
  (desk.kept.reserved as unknown[]).length = 0;
});

const json = (body: unknown) => ({ body: JSON.stringify(body) });
const vectors = (usage: object | undefined = { prompt_tokens: 7, total_tokens: 7 }) =>
  json({ object: 'list', data: [{ object: 'embedding', index: 0, embedding: [0.5, -1] }], model: 'up', usage });

describe('embeddings', () => {
  it('[operations:embeddings] are asked for under the name of the target and settled, priced and recorded once', async () => {
    desk.script(() => vectors());
    const answer = await desk.post('/v1/embeddings', { model: 'm', input: 'hello', custom: 1 });
    expect([answer.status, await answer.json()]).toMatchObject([200, { data: [{ embedding: [0.5, -1] }] }]);
    expect(JSON.parse(desk.calls[0]?.text ?? '')).toEqual({ model: 'compat-model', input: 'hello', custom: 1 });
    expect(desk.calls[0]).toMatchObject({ path: '/embeddings', key: undefined });
    const { headers } = answer;
    expect(headers.get('sallyport-trajectory')).toMatch(/^[0-9a-f-]{36}$/);
    expect([headers.get('sallyport-provider'), headers.get('sallyport-cost-usd')]).toEqual(['compat', '0.000007']);
    expect(desk.kept.records).toMatchObject([
      { endpoint: 'embeddings', model: 'm', inputTokens: 7, costNanoUsd: 7_000, outcome: 'ok', usageEstimated: false },
    ]);
    expect(desk.kept.reserved).toMatchObject([{ settled: { requests: 1, tokens: 7, nano_usd: 7_000 }, times: 1 }]);
  });

  it('[operations:embeddings] come packed or plain as was asked, whatever the provider knows', async () => {
    desk.script(() => vectors());
    const packed = await desk.post('/v1/embeddings', { model: 'm', input: ['x'], encoding_format: 'base64' });
    expect(await packed.json()).toMatchObject({ data: [{ embedding: 'AAAAPwAAgL8=' }] });
    desk.script(() => json({ data: [{ index: 0, embedding: 'AAAAPwAAgL8=' }], usage: { total_tokens: 1 } }));
    const plain = await desk.post('/v1/embeddings', { model: 'm', input: [[1, 2]] });
    expect(await plain.json()).toMatchObject({ data: [{ embedding: [0.5, -1] }] });
  });

  it('[operations:embeddings-gemini] are translated to Gemini, which takes no tokens', async () => {
    desk.script(() => json({ embeddings: [{ values: [0.5] }, { values: [1] }] }));
    const answer = await desk.post('/v1/embeddings', { model: 'g', input: ['a', 'b'], dimensions: 1 });
    expect(await answer.json()).toMatchObject({
      data: [
        { index: 0, embedding: [0.5] },
        { index: 1, embedding: [1] },
      ],
    });
    expect(desk.calls[0]?.path).toBe('/models/gem-model:batchEmbedContents');
    expect(JSON.parse(desk.calls[0]?.text ?? '')).toEqual({
      requests: ['a', 'b'].map((text) => ({
        outputDimensionality: 1,
        model: 'models/gem-model',
        content: { parts: [{ text }] },
      })),
    });
    expect(desk.kept.records).toMatchObject([{ usageEstimated: true, outcome: 'ok' }]);
    const tokens = await desk.post('/v1/embeddings', { model: 'g', input: [1, 2] });
    expect([tokens.status, await tokens.json()]).toMatchObject([
      400,
      { error: { param: 'input', code: 'unsupported' } },
    ]);
  });

  it.each(['m', 'g'])('[operations:embeddings-gemini] are asked for by clients of Gemini, of %s', async (model) => {
    desk.script(() => (model === 'g' ? json({ embeddings: [{ values: [0.5] }] }) : vectors()));
    const one = await desk.post(`/gemini/v1beta/models/${model}:embedContent`, {
      content: { parts: [{ text: 'a' }] },
      outputDimensionality: 2,
    });
    expect([one.status, await one.json()]).toMatchObject([
      200,
      { embedding: { values: [0.5, ...(model === 'm' ? [-1] : [])] } },
    ]);
    const many = await desk.post(`/gemini/v1beta/models/${model}:batchEmbedContents`, {
      requests: [{ model: `models/${model}`, content: { parts: [{ text: 'a' }] } }],
    });
    expect(await many.json()).toMatchObject({ embeddings: [{ values: expect.any(Array) }] });
    const wrong = await desk.post(`/gemini/v1beta/models/${model}:embedContent`, {
      content: { parts: [{ fileData: { fileUri: 'https://x.example/a.png' } }] },
    });
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { error: { status: 'INVALID_ARGUMENT' } }]);
  });

  it.each([
    ['no input', {}],
    ['an empty list', { input: [] }],
    ['objects', { input: [{ image: 'x' }] }],
    ['a strange format', { input: 'a', encoding_format: 'int8' }],
    ['no dimensions', { input: 'a', dimensions: 0 }],
  ])('[operations:read-once] are refused with %s', async (_what, body) => {
    const answer = await desk.post('/v1/embeddings', { model: 'm', ...body });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'invalid_request' } }]);
    expect(desk.calls).toEqual([]);
  });
});

describe('every operation', () => {
  it('[operations:fallback] goes to the targets that serve it, in their order, and records each attempt', async () => {
    desk.script(({ provider }) => (provider === 'compat' ? { status: 503, body: '{}' } : vectors()));
    const answer = await desk.post('/v1/embeddings', { model: 'both', input: 'x' });
    expect(answer.status).toBe(200);
    expect(desk.calls.map(({ provider }) => provider)).toEqual(['compat', 'second']);
    expect(answer.headers.get('sallyport-provider')).toBe('second');
    expect(JSON.parse(desk.kept.records[0]?.attemptsJson ?? '')).toMatchObject([
      { outcome: 'error' },
      { outcome: 'ok' },
    ]);
    expect(desk.kept.reserved).toHaveLength(2);
  });

  it('[operations:fallback] is refused where no target serves it, before any call', async () => {
    const answer = await desk.post('/v1/embeddings', { model: 'a', input: 'x' });
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error: { code: 'unsupported', param: 'model' } },
    ]);
    expect(desk.calls).toEqual([]);
    expect(desk.kept.records).toMatchObject([{ endpoint: 'embeddings', errorCode: 'unsupported' }]);
  });

  it('[operations:access] needs a key, a model that is there and an endpoint that is allowed', async () => {
    const nobody = await fetch(`${desk.url}/v1/embeddings`, { method: 'POST', body: '{' });
    expect(nobody.status).toBe(401);
    expect((await desk.post('/v1/embeddings', { model: 'none', input: 'x' })).status).toBe(404);
    const narrow = await openDesk({ models: [named('m', [compatible])], endpoints: ['chat.completions'] });
    const denied = await narrow.post('/v1/embeddings', { model: 'm', input: 'x' });
    const form = new FormData();
    form.set('model', 'm');
    form.set('file', new Blob(['x']), 'a.mp3');
    expect([denied.status, (await narrow.post('/v1/audio/transcriptions', form)).status]).toEqual([403, 403]);
    expect(narrow.calls).toEqual([]);
    await narrow.close();
  });

  it.each([
    ['/v1/embeddings', { input: 'x', messages: [{ role: 'user', content: 'hi' }] }],
    ['/v1/completions', { prompt: 'x', tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['/v1/images/generations', { prompt: 'x', mcp_servers: [{ url: 'x' }] }],
    ['/v1/completions', { prompt: 'x', plugins: [{ id: 'web' }] }],
    ['/v1/completions', { prompt: 'x', web_search_options: {} }],
    ['/v1/completions', { prompt: 'x', extra_body: { tools: [] } }],
  ])('[operations:no-tools] at %s carries nothing of chat', async (path, body) => {
    const answer = await desk.post(path, { model: 'm', ...body });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'unsupported' } }]);
    expect(desk.calls).toEqual([]);
  });

  it.each([
    ['/v1/moderations', { input: [{ type: 'image_url', image_url: { url: 'https://x.example/?secret' } }] }],
    ['/v1/rerank', { query: 'q', documents: [{ image: 'HTTP://x.example/a' }] }],
    ['/v1/images/generations', { prompt: 'p', image: '//x.example/a.png' }],
    ['/v1/embeddings', { input: 'x', api_base: 'http:\\\\evil.example' }],
    ['/v1/completions', { prompt: 'x', extra: { file: 'gs://bucket/x' } }],
  ])('[operations:no-urls] at %s has no URL that the provider would fetch', async (path, body) => {
    const answer = await desk.post(path, { model: 'm', ...body });
    expect([answer.status, await answer.json()]).toMatchObject([403, { error: { code: 'policy_denied' } }]);
    expect(desk.calls).toEqual([]);
    expect(desk.kept.records).toMatchObject([{ errorCode: 'policy_denied' }]);
  });

  it('[operations:no-urls] may speak of URLs', async () => {
    desk.script(() => vectors());
    expect((await desk.post('/v1/embeddings', { model: 'm', input: ['https://x.example'] })).status).toBe(200);
  });

  it('[operations:withheld] leaves out what would choose for the gateway, and tells who asks where that is declared', async () => {
    desk.script(() => vectors());
    await desk.post('/v1/embeddings', {
      model: 'lite',
      input: 'x',
      api_base: 'evil.example',
      fallbacks: ['y'],
      extra: 1,
    });
    expect(JSON.parse(desk.calls[0]?.text ?? '')).toEqual({ model: 'lite-model', input: 'x', extra: 1 });
    expect(desk.calls[0]?.headers['x-litellm-spend-logs-metadata']).toBe('{"user":"ann","key":"k1"}');
    await desk.post('/v1/embeddings', { model: 'router', input: 'x', user: 'somebody else', models: ['y'] });
    expect(JSON.parse(desk.calls[1]?.text ?? '')).toEqual({
      model: 'router-model',
      input: 'x',
      user: 'ann',
      trace: { key: 'k1' },
    });
    const form = new FormData();
    for (const [name, value] of [
      ['model', 'lite'],
      ['api_base', 'evil.example'],
      ['language', 'en'],
    ])
      form.set(name ?? '', value ?? '');
    form.set('file', new Blob(['x']), 'a.mp3');
    desk.script(() => json({ text: 'hi', duration: 1 }));
    await desk.post('/v1/audio/transcriptions', form);
    expect(desk.calls[2]?.text).toContain('language');
    expect(desk.calls[2]?.text).not.toContain('api_base');
    const stream = { model: 'lite', prompt: 'x', stream: true, api_key: 'sk-mine' };
    desk.script(() => ({ type: 'text/event-stream', body: 'data: {"choices":[]}\n\ndata: [DONE]\n\n' }));
    await (await desk.post('/v1/completions', stream)).text();
    expect(JSON.parse(desk.calls[3]?.text ?? '')).toEqual({
      model: 'lite-model',
      prompt: 'x',
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('[operations:provider-hidden] reads a failure that comes with status 200', async () => {
    desk.script(() => json({ error: { message: 'org-9 has no money', code: 'insufficient_quota' } }));
    const answer = await desk.post('/v1/embeddings', { model: 'm', input: 'x' });
    expect([answer.status, (await answer.text()).includes('org-9')]).toEqual([502, false]);
  });

  it('[operations:provider-hidden] tells nothing of the gateway in what a provider refuses', async () => {
    desk.script(() => ({ status: 401, body: JSON.stringify({ error: { message: 'key sk-123 of org-9 is wrong' } }) }));
    const answer = await desk.post('/v1/embeddings', { model: 'm', input: 'x' });
    const text = await answer.text();
    expect([answer.status, text.includes('sk-123')]).toEqual([502, false]);
    expect(text).toContain('upstream_credentials');
    desk.script(() => ({ body: '<html>' }));
    expect((await desk.post('/v1/embeddings', { model: 'm', input: 'x' })).status).toBe(502);
  });

  it('[operations:price-unknown] says so where the price is not known', async () => {
    desk.script(() => json({ created: 1, data: [{ b64_json: 'x' }] }));
    const answer = await desk.post('/v1/images/generations', { model: 'unpriced', prompt: 'p' });
    expect(answer.headers.get('sallyport-cost-usd')).toBe('unknown');
    expect(desk.kept.records).toMatchObject([{ costNanoUsd: -1, detailJson: '{"units":{"images":1}}' }]);
  });
});

describe('the older completions', () => {
  const answer = {
    id: 'cmpl-1',
    object: 'text_completion',
    choices: [{ text: 'hi', index: 0, finish_reason: 'stop' }],
  };
  const chat = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'x',
    content: [{ type: 'text', text: 'hi' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 3, output_tokens: 1 },
  };

  it('[operations:completions] are forwarded as they are where the provider has them', async () => {
    desk.script(() => json({ ...answer, usage: { prompt_tokens: 2, completion_tokens: 1 } }));
    const reply = await desk.post('/v1/completions', { model: 'm', prompt: ['a', 'b'], logprobs: 2, suffix: '!' });
    expect(await reply.json()).toMatchObject({ choices: [{ text: 'hi' }] });
    expect(JSON.parse(desk.calls[0]?.text ?? '')).toMatchObject({
      model: 'compat-model',
      prompt: ['a', 'b'],
      logprobs: 2,
    });
    expect(desk.kept.records).toMatchObject([{ endpoint: 'completions', inputTokens: 2, outputTokens: 1 }]);
  });

  it('[operations:completions] go around nothing that a Model says of what it writes', async () => {
    expect((await desk.post('/v1/completions', { model: 'kind', prompt: 'a' })).status).toBe(400);
    desk.script(() => json(answer));
    await desk.post('/v1/completions', { model: 'short', prompt: 'a', max_tokens: 9 });
    expect(JSON.parse(desk.calls[0]?.text ?? '')).toMatchObject({ max_tokens: 5 });
  });

  it('[operations:completions] become a chat of one message elsewhere', async () => {
    desk.script(() => json(chat));
    const reply = await desk.post('/v1/completions', { model: 'a', prompt: 'a', echo: true, max_tokens: 9, stop: 'x' });
    expect(await reply.json()).toMatchObject({
      id: 'cmpl-1',
      object: 'text_completion',
      model: 'a',
      choices: [{ text: 'ahi', finish_reason: 'stop', logprobs: null }],
      usage: { prompt_tokens: 3, completion_tokens: 1 },
    });
    expect(JSON.parse(desk.calls[0]?.text ?? '')).toMatchObject({ max_tokens: 9, stop_sequences: ['x'] });
    for (const body of [{ prompt: ['a', 'b'] }, { prompt: [1] }, { prompt: 'a', suffix: 'b' }]) {
      expect((await desk.post('/v1/completions', { model: 'a', ...body })).status).toBe(400);
    }
  });

  it('[operations:completions-stream] stream natively, with usage only where it was asked for', async () => {
    const frames = [
      'data: {"choices":[{"text":"h","index":0,"finish_reason":null}]}\r\n\r',
      '\ndata: {"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":5}}\n\ndata: [DONE]\n\n',
    ];
    desk.script(() => ({ type: 'text/event-stream', body: frames }));
    const reply = await desk.post('/v1/completions', { model: 'm', prompt: 'a', stream: true });
    const text = await reply.text();
    expect(JSON.parse(desk.calls[0]?.text ?? '')).toMatchObject({ stream_options: { include_usage: true } });
    expect(text).toContain('"text":"h"');
    expect(text).not.toContain('usage');
    expect(text).toMatch(/data: \[DONE\]\n\n: sallyport-cache=\w+ cost-usd=0\.000012\n\n$/);
    expect(desk.kept.records).toMatchObject([{ outputTokens: 5, stream: true }]);
    const asked = { model: 'm', prompt: 'a', stream: true, stream_options: { include_usage: true } };
    expect(await (await desk.post('/v1/completions', asked)).text()).toContain('"usage"');
  });

  it('[operations:completions-stream] stream out of a chat', async () => {
    const event = (type: string, more: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
    desk.script(() => ({
      type: 'text/event-stream',
      body: [
        event('message_start', { message: { ...chat, content: [], stop_reason: null } }),
        event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
        event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'hi' } }),
        event('content_block_stop', { index: 0 }),
        event('message_delta', { delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 4 } }),
        event('message_stop', {}),
      ],
    }));
    const reply = await desk.post('/v1/completions', { model: 'a', prompt: 'a', stream: true });
    const text = await reply.text();
    expect(text).toContain('"text":"hi"');
    expect(text).toContain('"finish_reason":"length"');
    expect(text).toContain('data: [DONE]');
    expect(desk.kept.records).toMatchObject([{ outputTokens: 4, outcome: 'ok' }]);
  });

  it('[operations:stream-broken] fall back before the first byte, and say it in the stream after it', async () => {
    const chunk = 'data: {"choices":[{"text":"h","index":0}]}\n\n';
    const error = 'data: {"error":{"message":"org-9 overloaded","code":"engine_overloaded"}}\n\n';
    desk.script(({ provider }) => ({
      type: 'text/event-stream',
      body: provider === 'compat' ? error : [chunk, 'data: [DONE]\n\n'],
    }));
    const ask = (model: string) => desk.post('/v1/completions', { model, prompt: 'a', stream: true });
    const second = await openDesk({
      models: [named('both', [compatible, providerOf('openai-compatible', 'second')])],
    });
    second.script(({ provider }) => ({
      type: 'text/event-stream',
      body: provider === 'compat' ? error : [chunk, 'data: [DONE]\n\n'],
    }));
    const fine = await second.post('/v1/completions', { model: 'both', prompt: 'a', stream: true });
    expect(fine.headers.get('sallyport-provider')).toBe('second');
    expect(await fine.text()).toContain('"text":"h"');
    await second.close();
    for (const body of [[chunk, error], [chunk], [chunk, new Error('cut')]]) {
      desk.script(() => ({ type: 'text/event-stream', body }));
      const text = await (await ask('m')).text();
      expect(text).toContain('"text":"h"');
      expect(text).toMatch(/data: \{"error":/);
      expect(text).not.toContain('org-9');
      expect(desk.kept.records.at(-1)).toMatchObject({ outcome: 'error' });
    }
  });
});

describe('moderations and rerank', () => {
  it('[operations:moderations] asks OpenAI’s own model where none is named', async () => {
    desk.script(() => json({ id: 'modr-1', model: 'x', results: [{ flagged: false }] }));
    expect((await desk.post('/v1/moderations', { input: 'x' })).status).toBe(404);
    const answer = await desk.post('/v1/moderations', { model: 'm', input: ['x'] });
    expect(await answer.json()).toMatchObject({ results: [{ flagged: false }] });
    expect(desk.calls[0]?.path).toBe('/moderations');
  });

  it.each([
    [
      'Cohere',
      { meta: { billed_units: { search_units: 3 } } },
      { costNanoUsd: 6_000_000, detailJson: '{"units":{"searches":3}}' },
    ],
    ['Jina', { usage: { total_tokens: 50 } }, { inputTokens: 50, costNanoUsd: 50_000 }],
    ['a silent one', {}, { usageEstimated: true }],
  ])('[operations:rerank] counts what %s tells', async (_whose, told, record) => {
    desk.script(() => json({ id: 'r', results: [{ index: 0, relevance_score: 0.9 }], ...told }));
    for (const path of ['/v1/rerank', '/v2/rerank']) {
      const answer = await desk.post(path, { model: 'm', query: 'q', documents: ['https://a.example', 'b'], top_n: 1 });
      expect([answer.status, await answer.json()]).toMatchObject([200, { results: [{ index: 0 }] }]);
      expect(desk.kept.records.at(-1)).toMatchObject({ endpoint: 'rerank', ...record });
    }
    expect(desk.calls[0]?.path).toBe('/rerank');
  });
});

describe('pictures and sound', () => {
  const form = (fields: Record<string, string>, files: Record<string, string>) => {
    const made = new FormData();
    for (const [name, value] of Object.entries(fields)) made.append(name, value);
    for (const [name, data] of Object.entries(files))
      made.append(name, new Blob([data], { type: 'image/png' }), `${name}.png`);
    return made;
  };

  it('[operations:images] are counted, and priced by tokens where those are told', async () => {
    desk.script(() => json({ created: 1, data: [{ b64_json: 'x' }, { b64_json: 'y' }] }));
    await desk.post('/v1/images/generations', { model: 'm', prompt: 'p', n: 2 });
    expect(desk.kept.records[0]).toMatchObject({
      endpoint: 'images.generations',
      costNanoUsd: 80_000_000,
      usageEstimated: false,
    });
    desk.script(() =>
      json({
        data: [{ b64_json: 'x' }],
        usage: { input_tokens: 10, output_tokens: 20, input_tokens_details: { image_tokens: 4 } },
      }),
    );
    await desk.post('/v1/images/generations', { model: 'm', prompt: 'p' });
    expect(desk.kept.records[1]).toMatchObject({ inputTokens: 10, outputTokens: 20 });
  });

  it('[operations:images] are streamed, with what the last event tells', async () => {
    const completed = {
      type: 'image_generation.completed',
      b64_json: 'x',
      usage: { input_tokens: 1, output_tokens: 9 },
    };
    desk.script(() => ({
      type: 'text/event-stream',
      body: [
        'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image","b64_json":"y"}\n\n',
        `event: image_generation.completed\ndata: ${JSON.stringify(completed)}\n\n`,
      ],
    }));
    const answer = await desk.post('/v1/images/generations', { model: 'm', prompt: 'p', stream: true });
    expect(await answer.text()).toContain('event: image_generation.completed\ndata: {');
    expect(desk.kept.records[0]).toMatchObject({ outputTokens: 9, detailJson: '{"units":{"images":1}}' });
  });

  it.each(['edits', 'variations'])(
    '[operations:forms] of image %s are written anew with the name of the target',
    async (which) => {
      desk.script(() => json({ data: [{ b64_json: 'x' }] }));
      const answer = await desk.post(
        `/v1/images/${which}`,
        form({ model: 'm', prompt: 'https://spoken.example', n: '1' }, { 'image[]': 'PNG', mask: 'MASK' }),
      );
      expect([answer.status, await answer.json()]).toMatchObject([200, { data: [{ b64_json: 'x' }] }]);
      const [call] = desk.calls;
      const boundary = /boundary=(.+)$/.exec(call?.headers['content-type'] ?? '')?.[1] ?? '';
      expect(boundary).not.toBe('');
      const sent = await new Response(call?.body as string, {
        headers: { 'content-type': call?.headers['content-type'] ?? '' },
      }).formData();
      expect([sent.get('model'), sent.get('n')]).toEqual(['compat-model', '1']);
      expect(await (sent.get('image[]') as File).text()).toBe('PNG');
      expect((sent.get('mask') as File).name).toBe('mask.png');
    },
  );

  it('[operations:forms] are refused where they can be read in two ways, or name what the provider would fetch', async () => {
    const twice = form({ model: 'm' }, { file: 'x' });
    twice.append('model', 'other');
    expect((await desk.post('/v1/audio/transcriptions', twice)).status).toBe(400);
    const fetched = form({ model: 'm', url: 'https://x.example/a.mp3' }, { file: 'x' });
    expect((await desk.post('/v1/audio/transcriptions', fetched)).status).toBe(403);
    expect((await desk.post('/v1/audio/transcriptions', form({ model: 'm' }, {}))).status).toBe(400);
    expect((await desk.post('/v1/audio/transcriptions', { model: 'm' })).status).toBe(415);
    const type = { 'content-type': 'multipart/form-data; boundary=b' };
    const cut = '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nxyz';
    expect((await desk.post('/v1/audio/transcriptions', cut, type)).status).toBe(400);
    expect(desk.calls).toEqual([]);
  });

  it.each([
    [
      'json',
      { text: 'hi', usage: { type: 'duration', seconds: 10 } },
      { costNanoUsd: 1_000_000, detailJson: '{"units":{"seconds":10}}' },
    ],
    ['verbose_json', { text: 'hi', duration: 3.5 }, { costNanoUsd: 350_000 }],
    [
      'json',
      {
        text: 'hi',
        usage: { type: 'tokens', input_tokens: 14, output_tokens: 5, input_token_details: { audio_tokens: 14 } },
      },
      { inputTokens: 14, outputTokens: 5 },
    ],
  ])('[operations:transcriptions] in %s are priced by what is told', async (format, told, record) => {
    desk.script(() => json(told));
    const answer = await desk.post(
      '/v1/audio/transcriptions',
      form({ model: 'm', response_format: format }, { file: 'sound' }),
    );
    expect(await answer.json()).toMatchObject({ text: 'hi' });
    expect(desk.kept.records[0]).toMatchObject({ endpoint: 'audio.transcriptions', usageEstimated: false, ...record });
  });

  it('[operations:transcriptions] as text are estimated by the recording, and no page of ours', async () => {
    desk.script(() => ({ type: 'text/html', body: '<script>' }));
    const answer = await desk.post(
      '/v1/audio/translations',
      form({ model: 'm', response_format: 'srt' }, { file: 'x'.repeat(8000) }),
    );
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(desk.kept.records[0]).toMatchObject({
      endpoint: 'audio.translations',
      usageEstimated: true,
      detailJson: '{"units":{"seconds":1}}',
    });
  });

  it('[operations:transcriptions] are streamed', async () => {
    desk.script(() => ({
      type: 'text/event-stream',
      body: [
        'data: {"type":"transcript.text.delta","delta":"hi"}\n\n',
        'data: {"type":"transcript.text.done","text":"hi","usage":{"type":"tokens","input_tokens":3,"output_tokens":2}}\n\n',
      ],
    }));
    const answer = await desk.post('/v1/audio/transcriptions', form({ model: 'm', stream: 'true' }, { file: 'x' }));
    expect(await answer.text()).toContain('transcript.text.delta');
    expect(desk.kept.records[0]).toMatchObject({ stream: true, inputTokens: 3, outputTokens: 2 });
  });

  it('[operations:speech] comes as bytes, priced by characters, and is cut where it breaks', async () => {
    desk.script(() => ({ type: 'audio/mpeg', body: [Buffer.from([1, 2]), Buffer.from([3, 255])] }));
    const answer = await desk.post('/v1/audio/speech', { model: 'm', voice: 'alloy', input: 'héllo 🎈' });
    expect(answer.headers.get('content-type')).toBe('audio/mpeg');
    expect(answer.headers.get('sallyport-cost-usd')).toBe('0.000105');
    expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([1, 2, 3, 255]);
    expect(desk.kept.records[0]).toMatchObject({ costNanoUsd: 105_000, detailJson: '{"units":{"characters":7}}' });
    desk.script(() => ({ type: 'text/html', body: '<script>' }));
    const page = await desk.post('/v1/audio/speech', { model: 'm', voice: 'alloy', input: 'x' });
    expect([page.headers.get('content-type'), page.headers.get('x-content-type-options')]).toEqual([
      'application/octet-stream',
      'nosniff',
    ]);
    desk.script(() => ({ type: 'audio/mpeg', body: ['some', new Error('cut')] }));
    const broken = await desk.post('/v1/audio/speech', { model: 'm', voice: 'alloy', input: 'x' });
    await expect(broken.arrayBuffer()).rejects.toThrow();
    expect(desk.kept.records.at(-1)).toMatchObject({ outcome: 'error' });
  });
});
