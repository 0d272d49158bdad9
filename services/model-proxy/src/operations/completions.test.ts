import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Desk, openDesk } from './testing.ts';
import { compatible, forget, json, MODELS, named, second } from './testing-models.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk({ models: MODELS });
});
afterAll(() => desk.close());
beforeEach(() => forget(desk));

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
    const two = await openDesk({ models: [named('both', [compatible, second])] });
    two.script(({ provider }) => ({
      type: 'text/event-stream',
      body: provider === 'compat' ? error : [chunk, 'data: [DONE]\n\n'],
    }));
    const fine = await two.post('/v1/completions', { model: 'both', prompt: 'a', stream: true });
    expect(fine.headers.get('sallyport-provider')).toBe('second');
    expect(await fine.text()).toContain('"text":"h"');
    await two.close();
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
