import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import OpenAI from 'openai';
import { type RunningDemo, serveDemo } from './testing.ts';
import { ATTACKER } from './tools/mails.ts';

/** What a gate is for: an ordinary agent loop, official SDKs, nothing in between. */
describe('the demo without a gate', () => {
  let demo: RunningDemo;
  let mailbox: Client;
  let openai: OpenAI;

  beforeAll(async () => {
    demo = await serveDemo();
    mailbox = new Client({ name: 'agent', version: '1' });
    await mailbox.connect(new StreamableHTTPClientTransport(new URL(`${demo.url}/mcp/mailbox`)));
    openai = new OpenAI({ baseURL: `${demo.url}/openai/v1`, apiKey: 'none-needed', maxRetries: 0 });
  });
  afterAll(async () => {
    await mailbox.close();
    await demo.close();
  });

  const offered = async (): Promise<OpenAI.ChatCompletionTool[]> => {
    const { tools } = await mailbox.listTools();
    return tools.map(({ name, description, inputSchema }) => ({
      type: 'function',
      function: { name, description: description ?? '', parameters: inputSchema },
    }));
  };

  const runAgent = async (model: string, question: string, maxSteps: number) => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: question }];
    const tools = await offered();
    for (let step = 1; step <= maxSteps; step += 1) {
      const { choices } = await openai.chat.completions.create({ model, messages, tools });
      const message = choices[0]!.message;
      messages.push(message);
      if (message.tool_calls === undefined) return { steps: step, text: message.content ?? '' };
      for (const call of message.tool_calls) {
        if (call.type !== 'function') continue;
        const result = await mailbox.callTool({
          name: call.function.name,
          arguments: JSON.parse(call.function.arguments),
        });
        messages.push({
          role: 'tool',
          tool_call_id: call.id,
          content: JSON.stringify(result.structuredContent ?? result.content),
        });
      }
    }
    return { steps: maxSteps, text: undefined };
  };

  it('[demo:injection-succeeds-ungated] reading the inbox sends the reset code to the attacker', async () => {
    const { steps, text } = await runAgent('demo-assistant', 'What is in my inbox?', 10);
    expect(steps).toBe(4);
    expect(text).toContain('Invoice 2026-118');
    const sent = await (await fetch(`${demo.url}/mailbox/sent`)).json();
    expect(sent).toMatchObject({ sent: [{ to: ATTACKER, body: expect.stringContaining('481516') }] });
  });

  it('[demo:looper-never-ends] an agent in a loop goes on until somebody stops it', async () => {
    expect(await runAgent('demo-looper', 'Go on', 25)).toEqual({ steps: 25, text: undefined });
  });
});
