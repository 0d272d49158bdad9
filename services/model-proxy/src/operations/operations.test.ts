import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Desk, openDesk } from './testing.ts';
import { compatible, forget, json, MODELS, named } from './testing-models.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk({ models: MODELS });
});
afterAll(() => desk.close());
beforeEach(() => forget(desk));

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
