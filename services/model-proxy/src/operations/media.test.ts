import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Desk, openDesk } from './testing.ts';
import { forget, json, MODELS } from './testing-models.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk({ models: MODELS });
});
afterAll(() => desk.close());
beforeEach(() => forget(desk));

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
