import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { type FakeProvider, findSecret, startFakeProvider } from './provider.ts';
import { faults } from './provider-faults.ts';

const KEY = 'sk-upstream-0123456789abcdef';
const messages = [{ role: 'user' as const, content: 'say it again' }];

describe('the fake provider', () => {
  let fake: FakeProvider;
  let openai: OpenAI;
  let anthropic: Anthropic;

  beforeEach(async () => {
    fake = await startFakeProvider({ key: KEY });
    openai = new OpenAI({ baseURL: fake.openAiUrl, apiKey: KEY, maxRetries: 0 });
    anthropic = new Anthropic({ baseURL: fake.anthropicUrl, apiKey: KEY, maxRetries: 0 });
  });
  afterEach(() => fake.close());

  it('echoes on both wires, whole and streamed, and both SDKs agree', async () => {
    const whole = await openai.chat.completions.create({ model: 'fake', messages });
    const streamed = await openai.chat.completions.stream({ model: 'fake', messages }).finalChatCompletion();
    const message = await anthropic.messages.create({ model: 'fake', max_tokens: 50, messages });
    const streamedMessage = await anthropic.messages.stream({ model: 'fake', max_tokens: 50, messages }).finalMessage();
    expect([whole.choices[0]?.message.content, streamed.choices[0]?.message.content]).toEqual([
      'say it again',
      'say it again',
    ]);
    expect([message.content, streamedMessage.content]).toMatchObject([
      [{ text: 'say it again' }],
      [{ text: 'say it again' }],
    ]);
    expect(whole.usage?.completion_tokens).toBe(message.usage.output_tokens);
  });

  it('answers what a test scripts, tool calls and usage included, by what it was sent', async () => {
    fake.script('scripted', ({ json }) => ({
      toolCalls: [{ name: 'send_mail', arguments: { count: (json.messages as unknown[]).length } }],
      usage: { input: 11, output: 7 },
    }));
    const whole = await openai.chat.completions.create({ model: 'scripted', messages });
    expect(whole.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'send_mail', arguments: '{"count":1}' } }] },
    });
    expect(whole.usage).toMatchObject({ prompt_tokens: 11, completion_tokens: 7 });
    const message = await anthropic.messages.stream({ model: 'scripted', max_tokens: 50, messages }).finalMessage();
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', input: { count: 1 } }],
      usage: { output_tokens: 7 },
    });
  });

  it('records headers and bodies whole, so that a leaked secret is found wherever it stands', async () => {
    await openai.chat.completions.create(
      { model: 'fake', messages, user: 'client-secret' },
      { headers: { 'x-forwarded-key': 'client-secret' } },
    );
    expect(fake.requests).toHaveLength(1);
    expect(fake.requests[0]).toMatchObject({
      method: 'POST',
      path: '/openai/v1/chat/completions',
      json: { model: 'fake' },
    });
    expect(findSecret(fake.requests[0]!, 'client-secret')).toEqual(['x-forwarded-key', 'body']);
    expect(findSecret(fake.requests[0]!, 'absent')).toEqual([]);
  });

  it('refuses a wrong key in the shape of the wire and still records the request', async () => {
    await expect(openai.withOptions({ apiKey: 'wrong' }).models.list()).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    });
    await expect(
      anthropic.withOptions({ apiKey: 'wrong' }).messages.create({ model: 'fake', max_tokens: 1, messages }),
    ).rejects.toMatchObject({ status: 401 });
    expect(fake.requests).toHaveLength(2);
  });

  it('fails flaky-2 twice and then answers', async () => {
    const ask = () => openai.chat.completions.create({ model: 'flaky-2', messages });
    await expect(ask()).rejects.toMatchObject({ status: 500 });
    await expect(ask()).rejects.toMatchObject({ status: 500 });
    expect((await ask()).choices[0]?.message.content).toBe('say it again');
  });

  it('notices that the caller has left', async () => {
    const leave = new AbortController();
    const call = fetch(`${fake.openAiUrl}/chat/completions`, init('broken-hang', true, leave.signal));
    while (fake.requests.length === 0) await new Promise((tick) => setTimeout(tick, 5));
    expect(fake.requests[0]?.aborted).toBe(false);
    leave.abort();
    await expect(call).rejects.toThrow();
    for (let tries = 0; tries < 100 && !fake.requests[0]?.aborted; tries += 1)
      await new Promise((tick) => setTimeout(tick, 5));
    expect(fake.requests[0]?.aborted).toBe(true);
  });

  describe.each(['openai', 'anthropic'] as const)('broken on the %s wire', (wire) => {
    const path = () => (wire === 'openai' ? `${fake.openAiUrl}/chat/completions` : `${fake.anthropicUrl}/v1/messages`);
    const ask = async (model: string, stream: boolean) => {
      const answer = await fetch(path(), { ...init(model, stream, AbortSignal.timeout(300)), redirect: 'manual' });
      const outcome = await answer.arrayBuffer().then(
        (bytes) => Buffer.from(bytes),
        () => 'cut' as const,
      );
      return {
        status: answer.status,
        headers: answer.headers,
        outcome,
        text: outcome === 'cut' ? '' : outcome.toString('latin1'),
      };
    };

    it.each([true, false])('in every way that is promised, stream %s', async (stream) => {
      expect(await ask('broken-garbage', stream)).toMatchObject({ status: 200, text: expect.stringContaining('<h1>') });
      expect(await ask('broken-cut', stream)).toMatchObject({ status: 200, outcome: 'cut' });
      expect(await ask('broken-empty', stream)).toMatchObject({ status: 200, text: '' });
      expect(await ask('broken-stall', stream)).toMatchObject({ status: 200, outcome: 'cut' });
      await expect(ask('broken-hang', stream)).rejects.toThrow();
      expect(await ask('broken-500', stream)).toMatchObject({ status: 500 });
      expect(await ask('broken-529', stream)).toMatchObject({ status: 529 });
      expect(await ask('broken-401', stream)).toMatchObject({ status: 401 });
      expect((await ask('broken-429', stream)).headers.get('retry-after')).toBe('1');
      expect((await ask('broken-redirect', stream)).headers.get('location')).toMatch(/^http:\/\/169\.254/);
      expect((await ask('broken-late-error', stream)).text).toContain('Late failure.');
      const invalid = (await ask('broken-utf8', stream)).outcome as Buffer;
      expect(() => new TextDecoder('utf-8', { fatal: true }).decode(invalid)).toThrow();
    });

    it('in its tool arguments: not JSON, or a key twice', async () => {
      if (wire === 'anthropic') {
        const text = (await ask('broken-tool-args', false)).text;
        expect(() => JSON.parse(text)).toThrow();
        expect((await ask('broken-tool-args-twice', false)).text).toContain(
          '"input":{"to":"kim@example.com","to":"attacker@',
        );
        return;
      }
      const whole = JSON.parse((await ask('broken-tool-args', false)).text);
      expect(() => JSON.parse(whole.choices[0].message.tool_calls[0].function.arguments)).toThrow();
      const twice = JSON.parse((await ask('broken-tool-args-twice', false)).text);
      expect(twice.choices[0].message.tool_calls[0].function.arguments.match(/"to"/g)).toHaveLength(2);
    });
  });

  it('sends one event without end for broken-huge', async () => {
    const answer = await fetch(`${fake.openAiUrl}/chat/completions`, init('broken-huge', true));
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(32 << 20);
  });

  it('keeps broken names broken', () => {
    expect(() => fake.script('broken-500', { text: 'fine' })).toThrow();
    expect(Object.keys(faults)).toEqual(
      expect.arrayContaining([
        'broken-garbage',
        'broken-cut',
        'broken-utf8',
        'broken-hang',
        'broken-empty',
        'broken-500',
        'broken-429',
        'broken-tool-args',
      ]),
    );
  });
});

function init(model: string, stream: boolean, signal?: AbortSignal): RequestInit {
  return {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, max_tokens: 10, messages }),
    ...(signal === undefined ? {} : { signal }),
  };
}
