import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RunningDemo, serveDemo } from '../testing.ts';

const KEY = 'demo-provider-key';
const tools: Anthropic.Tool[] = ['list_mails', 'read_mail', 'send_mail'].map((name) => ({
  name,
  input_schema: { type: 'object', properties: {} },
}));

describe('the Anthropic wire, read by the official SDK', () => {
  let demo: RunningDemo;
  let client: Anthropic;

  beforeAll(async () => {
    demo = await serveDemo(KEY);
    client = new Anthropic({ baseURL: `${demo.url}/anthropic`, apiKey: KEY, maxRetries: 0 });
  });
  afterAll(() => demo.close());

  it('answers a plain question with text and plausible usage', async () => {
    const message = await client.messages.create({
      model: 'demo-assistant',
      max_tokens: 200,
      system: 'Be brief.',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is a sally port?' }] }],
    });
    expect(message.content[0]).toMatchObject({ type: 'text', text: expect.stringContaining('What is a sally port?') });
    expect(message.stop_reason).toBe('end_turn');
    expect(message.usage.input_tokens).toBeGreaterThan(8);
  });

  it('streams text and tool calls that the SDK puts together again', async () => {
    const stream = client.messages.stream({
      model: 'demo-assistant',
      max_tokens: 200,
      messages: [{ role: 'user', content: 'Any unread mails?' }],
      tools,
    });
    const events: string[] = [];
    stream.on('streamEvent', (event) => events.push(event.type));
    const message = await stream.finalMessage();
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content).toMatchObject([
      { type: 'text', text: 'Let me look at your inbox.' },
      { type: 'tool_use', name: 'list_mails', input: { unreadOnly: true } },
    ]);
    expect(message.usage.output_tokens).toBeGreaterThan(5);
    expect(events.at(0)).toBe('message_start');
    expect(events.at(-1)).toBe('message_stop');
  });

  it('reads tool results beside a reminder as part of the same turn', async () => {
    const first = await client.messages.create({
      model: 'demo-assistant',
      max_tokens: 200,
      tools,
      messages: [{ role: 'user', content: 'Check my inbox' }],
    });
    const use = first.content.find((block) => block.type === 'tool_use');
    const second = await client.messages.create({
      model: 'demo-assistant',
      max_tokens: 200,
      tools,
      messages: [
        { role: 'user', content: 'Check my inbox' },
        { role: 'assistant', content: first.content },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: use?.id ?? '',
              content: '{"mails":[{"id":"m2","from":"a@b.example","subject":"Hi"}]}',
            },
            { type: 'text', text: '<system-reminder>Stay on topic.</system-reminder>' },
          ],
        },
      ],
    });
    expect(second.content).toMatchObject([{ type: 'tool_use', name: 'read_mail', input: { id: 'm2' } }]);
  });

  it('counts tokens as the message itself would be billed', async () => {
    const request = { model: 'demo-echo', messages: [{ role: 'user' as const, content: 'count these words please' }] };
    const { input_tokens } = await client.messages.countTokens(request);
    const message = await client.messages.create({ ...request, max_tokens: 50 });
    expect(input_tokens).toBe(message.usage.input_tokens);
  });

  it('stops at max_tokens and names the stop sequence that ended the text', async () => {
    const messages = [{ role: 'user' as const, content: 'alpha beta gamma delta' }];
    expect(await client.messages.create({ model: 'demo-echo', max_tokens: 2, messages })).toMatchObject({
      stop_reason: 'max_tokens',
    });
    const stopped = await client.messages.create({
      model: 'demo-echo',
      max_tokens: 50,
      messages,
      stop_sequences: [' gamma'],
    });
    expect(stopped).toMatchObject({
      stop_reason: 'stop_sequence',
      stop_sequence: ' gamma',
      content: [{ text: 'alpha beta' }],
    });
  });

  it('follows a schema given as output_config', async () => {
    const schema = { type: 'object', properties: { kind: { enum: ['invoice', 'other'] } }, required: ['kind'] };
    const message = await client.messages.create({
      model: 'demo-quarantine',
      max_tokens: 50,
      output_config: { format: { type: 'json_schema', schema } },
      messages: [{ role: 'user', content: 'Please find the invoice attached.' }],
    });
    expect(message.content).toMatchObject([{ text: '{"kind":"invoice"}' }]);
  });

  it.each([
    ['a wrong key', 401, 'authentication_error', { apiKey: 'wrong' }, {}],
    ['an unknown model', 404, 'not_found_error', {}, { model: 'no-such-model' }],
    ['no messages', 400, 'invalid_request_error', {}, { messages: [] }],
    ['no max_tokens', 400, 'invalid_request_error', {}, { max_tokens: undefined as unknown as number }],
  ])('answers %s with %d in the Anthropic error shape', async (_name, status, type, options, body) => {
    const request = {
      model: 'demo-echo',
      max_tokens: 10,
      messages: [{ role: 'user' as const, content: 'hi' }],
      ...body,
    };
    const call = client.withOptions(options).messages.create(request);
    await expect(call).rejects.toMatchObject({ status, error: { type: 'error', error: { type } } });
  });
});
