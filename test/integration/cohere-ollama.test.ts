import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { type Content, GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateText, stepCountIs, tool } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod';
import { AFTER_TOOLS, CITIES } from '../fakes/clouds.ts';
import { type FakeCohereOllama, startFakeCohereOllama } from '../fakes/cohere-ollama.ts';
import { COHERE_TOKENS } from '../fakes/cohere-wire.ts';
import { findSecret } from '../fakes/listening.ts';
import { OLLAMA_TOKENS } from '../fakes/ollama-wire.ts';
import { shareGlobalDispatcher } from '../support/global-dispatcher.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { admin, eventually, PRICE, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

/** Models by their public names: the provider, and the name there. */
const MODELS: Readonly<Record<string, readonly [provider: string, model: string]>> = {
  command: ['cohere', 'command-a-03-2025'],
  qwen: ['ollama', 'qwen3:8b'],
};
const BROKEN = {
  'command-throttled': ['cohere', 'throttled'],
  'command-breaks': ['cohere', 'breaks'],
  'qwen-breaks': ['ollama', 'breaks'],
} as const;
const TOKENS: Readonly<Record<string, { input: number; output: number }>> = {
  command: COHERE_TOKENS,
  qwen: OLLAMA_TOKENS,
};

let fake: FakeCohereOllama;
let suite: TestSuite;
let openai: OpenAI;
let anthropic: Anthropic;
let gemini: GoogleGenAI;

shareGlobalDispatcher();
// It warns of each model whose name it does not know.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

beforeAll(async () => {
  fake = await startFakeCohereOllama();
  suite = await suiteWith(resources(fake), {
    services: MODEL_PLANE,
  });
  openai = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: `${suite.endpoint}/anthropic`, apiKey: suite.key, maxRetries: 0 });
  const httpOptions = { baseUrl: `${suite.endpoint}/gemini`, apiVersion: 'v1beta' };
  gemini = new GoogleGenAI({ apiKey: suite.key, httpOptions });
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await fake?.close();
}, 30_000);

function resources({ url, key }: FakeCohereOllama): ResourceInit[] {
  const at = { baseURL: url, allowPrivateNetwork: true, discovery: {} };
  const secretRef = { name: 'cohere', key: 'key' };
  return [
    { kind: 'Secret', name: 'cohere', stringData: { key } },
    { kind: 'ModelProvider', name: 'cohere', spec: { type: 'cohere', ...at, credentials: { secretRef } } },
    { kind: 'ModelProvider', name: 'ollama', spec: { type: 'ollama', ...at } },
    ...Object.entries({ ...MODELS, ...BROKEN }).map(([name, [provider, model]]) => ({
      kind: 'Model',
      name,
      spec: { targets: [{ provider, model }], price: PRICE, retry: { attempts: 0 } },
    })),
    { kind: 'AccessPolicy', name: 'everyone', spec: { subjects: { everyone: true }, models: ['*'], tools: ['*/*'] } },
    { kind: 'VirtualKey', name: 'demo', spec: { owner: 'dana', targetSecret: { name: 'demo-key', key: 'key' } } },
    {
      kind: 'VirtualKey',
      name: 'admin',
      spec: { owner: 'ada', role: 'Admin', targetSecret: { name: 'admin-key', key: 'key' } },
    },
  ];
}

/** What a client heard: a whole text, a streamed one, streamed calls, the answer to their results, tokens. */
interface Heard {
  readonly whole: string | null | undefined;
  readonly streamed: string | null | undefined;
  readonly cities: readonly unknown[];
  readonly after: string | null | undefined;
  readonly tokens: readonly unknown[];
}

const HELLO = 'hello fox';
const user = { role: 'user' as const, content: HELLO };
const parameters = { type: 'object' as const, properties: { city: { type: 'string' } } };
const cityIn = (json: string) => (JSON.parse(json) as { city: string }).city;

/** How the SDK of each front asks, streams, calls and answers. */
const FRONTS: Readonly<Record<string, (model: string) => Promise<Heard>>> = {
  async chat(model) {
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }];
    const whole = await openai.chat.completions.create({ model, messages: [user] });
    const options = { model, messages: [user], stream_options: { include_usage: true } };
    const streamed = await openai.chat.completions.stream(options).finalChatCompletion();
    const first = await openai.chat.completions.stream({ model, messages: [user], tools }).finalChatCompletion();
    const said = first.choices[0]?.message;
    const calls = (said?.tool_calls ?? []).flatMap((call) => (call.type === 'function' ? [call] : []));
    const results = calls.map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'sun' }));
    const messages = [user, said as OpenAI.Chat.ChatCompletionMessageParam, ...results];
    const second = await openai.chat.completions.create({ model, messages, tools });
    return {
      whole: whole.choices[0]?.message.content,
      streamed: streamed.choices[0]?.message.content,
      cities: calls.map((call) => cityIn(call.function.arguments)),
      after: second.choices[0]?.message.content,
      tokens: [streamed.usage?.prompt_tokens, streamed.usage?.completion_tokens],
    };
  },
  async responses(model) {
    const tools = [{ type: 'function' as const, name: 'weather', parameters, strict: false }];
    const whole = await openai.responses.create({ model, input: HELLO });
    const streamed = await openai.responses.stream({ model, input: HELLO }).finalResponse();
    const first = await openai.responses.stream({ model, input: HELLO, tools }).finalResponse();
    const calls = first.output.flatMap((item) => (item.type === 'function_call' ? [item] : []));
    const input = calls.map((call) => ({
      type: 'function_call_output' as const,
      call_id: call.call_id,
      output: 'sun',
    }));
    const second = await openai.responses.create({ model, previous_response_id: first.id, input, tools });
    return {
      whole: whole.output_text,
      streamed: streamed.output_text,
      cities: calls.map((call) => cityIn(call.arguments)),
      after: second.output_text,
      tokens: [streamed.usage?.input_tokens, streamed.usage?.output_tokens],
    };
  },
  async messages(model) {
    const asked = { model, max_tokens: 50, messages: [user] };
    const tools = [{ name: 'weather', input_schema: parameters }];
    const textOf = ({ content }: Anthropic.Message) =>
      content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    const whole = await anthropic.messages.create(asked);
    const streamed = await anthropic.messages.stream(asked).finalMessage();
    const first = await anthropic.messages.stream({ ...asked, tools }).finalMessage();
    const calls = first.content.flatMap((block) => (block.type === 'tool_use' ? [block] : []));
    const content = calls.map(({ id }) => ({ type: 'tool_result' as const, tool_use_id: id, content: 'sun' }));
    const messages = [user, { role: 'assistant' as const, content: first.content }, { role: 'user' as const, content }];
    const second = await anthropic.messages.create({ ...asked, messages, tools });
    return {
      whole: textOf(whole),
      streamed: textOf(streamed),
      cities: calls.map(({ input }) => (input as { city: string }).city),
      after: textOf(second),
      tokens: [streamed.usage.input_tokens, streamed.usage.output_tokens],
    };
  },
  async gemini(model) {
    const config = { tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: parameters }] }] };
    const whole = await gemini.models.generateContent({ model, contents: HELLO });
    let streamed = '';
    let tokens: unknown[] = [];
    for await (const chunk of await gemini.models.generateContentStream({ model, contents: HELLO })) {
      streamed += chunk.text ?? '';
      tokens = [chunk.usageMetadata?.promptTokenCount, chunk.usageMetadata?.candidatesTokenCount];
    }
    const asked: Content = { role: 'user', parts: [{ text: HELLO }] };
    const first = await gemini.models.generateContent({ model, contents: [asked], config });
    const parts = (first.functionCalls ?? []).map(({ id }) => ({
      functionResponse: { ...(id ? { id } : {}), name: 'weather', response: { result: 'sun' } },
    }));
    const contents = [asked, first.candidates?.[0]?.content as Content, { role: 'user', parts }];
    const second = await gemini.models.generateContent({ model, contents, config });
    return {
      whole: whole.text,
      streamed,
      cities: (first.functionCalls ?? []).map(({ args }) => args?.city),
      after: second.text,
      tokens,
    };
  },
};
const EACH = Object.keys(FRONTS).flatMap((front) => Object.keys(MODELS).map((model) => [front, model] as const));

describe('Cohere and Ollama', () => {
  it.each(EACH)('[wires:every-front] answer, stream and call two tools at once for %s of %s', async (front, model) => {
    const { input, output } = TOKENS[model] as { input: number; output: number };
    expect(await FRONTS[front]?.(model)).toEqual({
      whole: HELLO,
      streamed: HELLO,
      cities: CITIES,
      after: AFTER_TOOLS,
      tokens: [input, output],
    });
  });

  it.each(Object.keys(MODELS))('[fragments:vercel-ai] have %s run tools to the end', async (model) => {
    const asked: string[] = [];
    const weather = tool({
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => {
        asked.push(city);
        return { sky: 'clear' };
      },
    });
    const { text } = await generateText({
      model: createOpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key }).chat(model),
      prompt: HELLO,
      tools: { weather },
      stopWhen: stepCountIs(3),
      maxRetries: 0,
    });
    expect([text, asked.sort()]).toEqual([AFTER_TOOLS, CITIES]);
  });

  it('[wires:vectors] give vectors, and Cohere ranks, to the clients of OpenAI and of Gemini', async () => {
    for (const model of Object.keys(MODELS)) {
      const vectors = await openai.embeddings.create({ model, input: ['a', 'b'] });
      expect(vectors.data.map(({ embedding }) => [...embedding])).toEqual([
        [0.5, -1],
        [0.5, -1],
      ]);
      const one = await gemini.models.embedContent({ model, contents: 'a' });
      expect(one.embeddings?.[0]?.values).toEqual([0.5, -1]);
    }
    const ranks = await fetch(`${suite.endpoint}/v1/rerank`, {
      method: 'POST',
      headers: { authorization: `Bearer ${suite.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'command', query: 'q', documents: ['a', 'b'] }),
    });
    expect(await ranks.json()).toMatchObject({ results: [{ index: 1 }] });
  });

  it('[wires:failures] fail in the dialect of the client, before a stream and within it', async () => {
    const throttled = openai.chat.completions.create({ model: 'command-throttled', messages: [user], stream: true });
    await expect(throttled).rejects.toMatchObject({ status: 429 });
    for (const model of ['command-breaks', 'qwen-breaks']) {
      const read = async () => {
        for await (const _chunk of await openai.chat.completions.create({ model, messages: [user], stream: true }));
      };
      await expect(read()).rejects.toThrow('failed');
      const messages = anthropic.messages.stream({ model, max_tokens: 9, messages: [user] });
      await expect(messages.finalMessage()).rejects.toThrow();
    }
  });

  it('[wires:refused] are not asked for what they cannot say', async () => {
    const before = fake.requests.length;
    const forced = openai.chat.completions.create({
      model: 'qwen',
      messages: [user],
      tools: [{ type: 'function', function: { name: 'weather', parameters } }],
      tool_choice: 'required',
    });
    await expect(forced).rejects.toMatchObject({ status: 400, code: 'unsupported', param: 'tool_choice' });
    expect(fake.requests.slice(before).filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('[providers:discovery] list what they have, which can be called without a Model', async () => {
    for (const model of ['cohere:command-listed', 'ollama:llama-listed:latest']) {
      const answer = await eventually(
        () => openai.chat.completions.create({ model, messages: [user] }).catch(() => undefined),
        (got) => got !== undefined,
      );
      expect(answer?.choices[0]?.message.content).toBe(HELLO);
    }
  });

  it.each(Object.keys(MODELS))(
    '[wires:recorded] leave a record of %s with the tokens that are billed',
    async (model) => {
      const { response } = await openai.chat.completions.create({ model, messages: [user] }).withResponse();
      const trajectory = response.headers.get('sallyport-trajectory');
      const run = await eventually(
        () => admin<{ records: object[] }>(suite, `trajectories/${trajectory}`).catch(() => ({ records: [] })),
        ({ records }) => records.length > 0,
      );
      const { input, output } = TOKENS[model] as { input: number; output: number };
      expect(run.records).toMatchObject([{ kind: 'model_call', outcome: 'ok', provider: MODELS[model]?.[0] }]);
      const cost = (input * Number(PRICE.inputPerMillionTokens) + output * Number(PRICE.outputPerMillionTokens)) / 1e6;
      expect(Number(response.headers.get('sallyport-cost-usd'))).toBeCloseTo(cost, 9);
    },
  );

  it('[wires:every-front] are never told the key of the client, and Ollama no key at all', () => {
    expect(fake.requests.length).toBeGreaterThan(20);
    for (const request of fake.requests) expect(findSecret(request, suite.key)).toEqual([]);
    const ofOllama = fake.requests.filter(({ path }) => path.startsWith('/api/'));
    for (const request of ofOllama) expect(findSecret(request, fake.key)).toEqual([]);
  });
});
