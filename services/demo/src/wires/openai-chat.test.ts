import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { type RunningDemo, serveDemo } from '../testing.ts';

const KEY = 'demo-provider-key';
const tools: OpenAI.ChatCompletionTool[] = ['mailbox__list_mails', 'mailbox__read_mail', 'mailbox__send_mail'].map(
  (name) => ({
    type: 'function',
    function: { name, parameters: { type: 'object', properties: {} } },
  }),
);

describe('the OpenAI wire, read by the official SDK', () => {
  let demo: RunningDemo;
  let client: OpenAI;

  beforeAll(async () => {
    demo = await serveDemo(KEY);
    client = new OpenAI({ baseURL: `${demo.url}/openai/v1`, apiKey: KEY, maxRetries: 0 });
  });
  afterAll(() => demo.close());

  it('answers a plain question with text and plausible usage', async () => {
    const { choices, usage } = await client.chat.completions.create({
      model: 'demo-assistant',
      messages: [{ role: 'user', content: 'What is a sally port?' }],
    });
    expect(choices[0]?.message.content).toContain('What is a sally port?');
    expect(choices[0]?.finish_reason).toBe('stop');
    expect(usage?.prompt_tokens).toBeGreaterThan(4);
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
  });

  it('streams the text in pieces that join to the whole, with a usage chunk only on request', async () => {
    const content = 'one two  three\nfour — fünf 😀';
    const request = { model: 'demo-echo', messages: [{ role: 'user' as const, content }], stream: true as const };
    const withUsage = await collect(
      await client.chat.completions.create({ ...request, stream_options: { include_usage: true } }),
    );
    expect(withUsage.text).toBe(content);
    expect(withUsage.textChunks).toBeGreaterThan(4);
    expect(withUsage.usage?.completion_tokens).toBeGreaterThan(4);
    const without = await collect(await client.chat.completions.create(request));
    expect(without.text).toBe(content);
    expect(without.usage).toBeUndefined();
  });

  it('streams tool calls whose argument pieces join to JSON', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: 'user', content: 'What is in my inbox that is unread?' },
    ];
    const stream = client.chat.completions.stream({ model: 'demo-assistant', messages, tools });
    const final = await stream.finalChatCompletion();
    const call = final.choices[0]?.message.tool_calls?.[0];
    expect(final.choices[0]?.finish_reason).toBe('tool_calls');
    expect(call).toMatchObject({
      type: 'function',
      function: { name: 'mailbox__list_mails', arguments: '{"unreadOnly":true}' },
    });
  });

  it('cuts at max_tokens and at a stop sequence', async () => {
    const ask = async (bounds: object) => {
      const messages = [{ role: 'user' as const, content: 'alpha beta gamma delta' }];
      const { choices } = await client.chat.completions.create({ model: 'demo-echo', messages, ...bounds });
      return [choices[0]?.message.content, choices[0]?.finish_reason];
    };
    expect(await ask({ max_tokens: 2 })).toEqual(['alpha be', 'length']);
    expect(await ask({ stop: [' gamma'] })).toEqual(['alpha beta', 'stop']);
  });

  it('lists its models and finds one by id', async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(['demo-assistant', 'demo-echo', 'demo-looper', 'demo-quarantine', 'demo-quarantine-lying']);
    expect((await client.models.retrieve('demo-echo')).id).toBe('demo-echo');
  });

  it.each([
    ['a wrong key', 401, 'invalid_api_key', { apiKey: 'wrong' }, { model: 'demo-echo' }],
    ['an unknown model', 404, 'model_not_found', {}, { model: 'no-such-model' }],
    ['no messages', 400, null, {}, { model: 'demo-echo', messages: [] }],
  ])('answers %s with %d in the OpenAI error shape', async (_name, status, code, options, body) => {
    const call = client
      .withOptions(options)
      .chat.completions.create({ messages: [{ role: 'user', content: 'hi' }], ...body });
    await expect(call).rejects.toMatchObject({ status, code, error: { type: 'invalid_request_error' } });
  });

  it('answers a body that is not JSON with 400 and an unknown path with 404', async () => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    const broken = await fetch(`${demo.url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers,
      body: '{"model":',
    });
    expect([broken.status, await broken.json()]).toMatchObject([400, { error: { type: 'invalid_request_error' } }]);
    const unknown = await fetch(`${demo.url}/openai/v1/nothing`, { headers });
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: { code: 'unknown_url' } }]);
    expect(demo.faults).toEqual([]);
  });
});

async function collect(stream: AsyncIterable<OpenAI.ChatCompletionChunk>) {
  let text = '';
  let textChunks = 0;
  let usage: OpenAI.CompletionUsage | undefined;
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content ?? '';
    text += piece;
    if (piece !== '') textChunks += 1;
    usage = chunk.usage ?? usage;
  }
  return { text, textChunks, usage };
}
