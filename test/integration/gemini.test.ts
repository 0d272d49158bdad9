import Anthropic from '@anthropic-ai/sdk';
import { type Content, FunctionCallingConfigMode, type GenerateContentResponse, GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { FAKE_SIGNATURE } from '../fakes/gemini-wire.ts';
import { type FakeProvider, findSecret, startFakeProvider, type WireRequest } from '../fakes/provider.ts';
import { shareGlobalDispatcher } from '../support/global-dispatcher.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { admin, eventually, openHouse, PROVIDER_KEY, suiteWith, type TestSuite } from '../support/suite.ts';

const FAULTS = ['broken-500', 'broken-429', 'broken-garbage', 'broken-cut', 'broken-empty'];
// A model of the line that checks signatures is known by its name.
const TOOLS = 'gemini-3-tools';

let provider: FakeProvider;
let suite: TestSuite;
let gemini: GoogleGenAI;
let openai: OpenAI;
let anthropic: Anthropic;

shareGlobalDispatcher();

beforeAll(async () => {
  provider = await startFakeProvider({ key: PROVIDER_KEY });
  provider.script(TOOLS, (request) =>
    hasResult(request) ? { text: 'It is sunny.' } : { toolCalls: [{ name: 'weather', arguments: { city: 'Kraków' } }] },
  );
  suite = await suiteWith(openHouse(provider, ['echo', TOOLS, ...FAULTS], { gemini: true }), {
    services: MODEL_PLANE,
  });
  gemini = clientOf(suite.key);
  openai = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: `${suite.endpoint}/anthropic`, apiKey: suite.key, maxRetries: 0 });
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await provider?.close();
}, 30_000);

const clientOf = (apiKey: string) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `${suite.endpoint}/gemini`, apiVersion: 'v1beta' } });
const hasResult = ({ json }: WireRequest) =>
  /"functionResponse"|"tool_result"|"role":"tool"/.test(JSON.stringify(json));
const trajectoryOf = ({ sdkHttpResponse }: GenerateContentResponse) =>
  sdkHttpResponse?.headers?.['sallyport-trajectory'] ?? '';
const weather = {
  functionDeclarations: [
    { name: 'weather', parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } } } },
  ],
};

async function post(path: string, body: string | object, headers: Record<string, string> = {}) {
  const answer = await fetch(`${suite.endpoint}/gemini/v1beta/models/${path}`, {
    method: 'POST',
    headers: { 'x-goog-api-key': suite.key, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Record<string, never> };
}
const hello = { contents: [{ role: 'user', parts: [{ text: 'hello fox' }] }] };

describe.each(['echo', 'echo-a', 'echo-g'])('the Gemini SDK and %s', (model) => {
  it('[model:gemini-front] is answered, with usage, and leaves one record', async () => {
    const answer = await gemini.models.generateContent({ model, contents: 'hello fox' });
    expect(answer.text).toContain('hello fox');
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP');
    expect(answer.usageMetadata?.candidatesTokenCount).toBeGreaterThan(0);
    const run = await eventually(
      () => admin<{ records: object[] }>(suite, `trajectories/${trajectoryOf(answer)}`).catch(() => ({ records: [] })),
      ({ records }) => records.length > 0,
    );
    expect(run.records).toMatchObject([{ kind: 'model_call', outcome: 'ok', model }]);
  });

  it('[model:gemini-stream] is streamed to, with usage at the end', async () => {
    let text = '';
    let last: GenerateContentResponse | undefined;
    for await (const chunk of await gemini.models.generateContentStream({ model, contents: 'hello fox' })) {
      text += chunk.text ?? '';
      last = chunk;
    }
    expect(text).toContain('hello fox');
    expect(last?.candidates?.[0]?.finishReason).toBe('STOP');
    expect(last?.usageMetadata?.candidatesTokenCount).toBeGreaterThan(0);
  });
});

it.each(['echo', 'echo-a', 'echo-g'])(
  '[model:gemini-uncommented] %s streams data and blank lines alone',
  async (model) => {
    const answer = await fetch(`${suite.endpoint}/gemini/v1beta/models/${model}:streamGenerateContent?alt=sse`, {
      method: 'POST',
      headers: { 'x-goog-api-key': suite.key, 'content-type': 'application/json' },
      body: JSON.stringify(hello),
    });
    const lines = (await answer.text()).split(/\r?\n/).filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => !line.startsWith('data: '))).toEqual([]);
  },
);

describe.each([TOOLS, `${TOOLS}-a`, `${TOOLS}-g`])('a function of the client and %s', (model) => {
  const config = { tools: [weather], toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } } };

  it('[model:gemini-tools] is called and answered through the Gemini SDK, in one run', async () => {
    const asked: Content = { role: 'user', parts: [{ text: 'What is the weather in Kraków?' }] };
    const first = await gemini.models.generateContent({ model, contents: [asked], config });
    const [call] = first.functionCalls ?? [];
    expect(call).toMatchObject({ name: 'weather', args: { city: 'Kraków' } });
    const said = first.candidates?.[0]?.content as Content;
    const result = {
      functionResponse: { ...(call?.id ? { id: call.id } : {}), name: 'weather', response: { result: 'sun' } },
    };
    provider.clear();
    const second = await gemini.models.generateContent({
      model,
      contents: [asked, said, { role: 'user', parts: [result] }],
      config,
    });
    expect(second.text).toBe('It is sunny.');
    expect(JSON.stringify(provider.requests.at(-1)?.json)).toContain('sun');
    expect(trajectoryOf(second)).toBe(trajectoryOf(first));
  });

  it('[model:gemini-tools] streams calls whole', async () => {
    const names: string[] = [];
    for await (const chunk of await gemini.models.generateContentStream({ model, contents: 'Weather?', config })) {
      for (const call of chunk.functionCalls ?? []) names.push(`${call.name} ${JSON.stringify(call.args)}`);
    }
    expect(names).toEqual(['weather {"city":"Kraków"}']);
  });
});

describe('a Gemini provider behind the other fronts', () => {
  const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }];
  const user = { role: 'user' as const, content: 'Weather?' };

  it('[model:gemini-provider] answers the OpenAI and the Anthropic SDK, streaming and not', async () => {
    const messages = [{ role: 'user' as const, content: 'hello fox' }];
    const whole = await openai.chat.completions.create({ model: 'echo-g', messages });
    expect(whole.choices[0]?.message.content).toContain('hello fox');
    let text = '';
    for await (const chunk of await openai.chat.completions.create({ model: 'echo-g', messages, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toContain('hello fox');
    const streamed = await anthropic.messages.stream({ model: 'echo-g', messages, max_tokens: 50 }).finalMessage();
    expect(streamed.content[0]).toMatchObject({ type: 'text' });
    expect(streamed.usage.output_tokens).toBeGreaterThan(0);
  });

  it.each([true, false])(
    '[model:gemini-signatures] gets its signature back where the client kept it (%s), else is told that there is none',
    async (kept) => {
      const first = await openai.chat.completions.create({ model: `${TOOLS}-g`, messages: [user], tools });
      const said = first.choices[0]?.message as OpenAI.Chat.ChatCompletionMessage & { reasoning_details?: unknown };
      if (!kept) delete said.reasoning_details;
      const call = said.tool_calls?.[0]?.id ?? '';
      const messages = [user, said, { role: 'tool' as const, tool_call_id: call, content: 'sun' }];
      const second = await openai.chat.completions.create({ model: `${TOOLS}-g`, messages, tools });
      expect(second.choices[0]?.message.content).toBe('It is sunny.');
      const sent = JSON.stringify(provider.requests.at(-1)?.json);
      expect(sent.includes(FAKE_SIGNATURE)).toBe(kept);
    },
  );

  it('[model:gemini-key] is sent its own key in its own header, and never the client’s', async () => {
    provider.clear();
    await gemini.models.generateContent({ model: 'echo-g', contents: 'hello' });
    const [request] = provider.requests;
    expect(request?.headers['x-goog-api-key']).toBe(PROVIDER_KEY);
    if (request) expect(findSecret(request, suite.key)).toEqual([]);
  });

  it.each(FAULTS)('[fault:provider] %s ends in a clean error, and the process lives', async (fault) => {
    const whole = await post(`${fault}-g:generateContent`, hello);
    expect(whole.status).toBeGreaterThanOrEqual(400);
    const details = expect.arrayContaining([expect.objectContaining({ domain: 'sallyport.dev' })]);
    expect(whole.json).toMatchObject({ error: { code: whole.status, details } });
    const openAi = openai.chat.completions.create({ model: `${fault}-g`, messages: [user], stream: true });
    const read = async () => {
      for await (const _chunk of await openAi);
    };
    await expect(read()).rejects.toThrow();
    expect((await gemini.models.generateContent({ model: 'echo-g', contents: 'hello' })).text).toContain('hello');
  });
});

describe('what surrounds a Gemini call', () => {
  it.each<[string, string, string | object, Record<string, string>, number, string]>([
    ['an unknown key', 'echo:generateContent', hello, { 'x-goog-api-key': 'sp-none-such' }, 401, 'UNAUTHENTICATED'],
    ['an unknown model', 'none-such:generateContent', hello, {}, 404, 'NOT_FOUND'],
    ['an unknown method', 'echo:batchEmbed', hello, {}, 404, 'NOT_FOUND'],
    ['a key in the query', `echo:generateContent?key=abc`, hello, {}, 400, 'INVALID_ARGUMENT'],
    ['invalid JSON', 'echo:generateContent', '{"contents":', {}, 400, 'INVALID_ARGUMENT'],
    ['a key twice', 'echo:generateContent', '{"contents":[],"contents":[]}', {}, 400, 'INVALID_ARGUMENT'],
    ['no contents', 'echo:generateContent', { contents: [] }, {}, 400, 'INVALID_ARGUMENT'],
    ['a model in the body', 'echo:generateContent', { ...hello, model: 'echo-a' }, {}, 400, 'INVALID_ARGUMENT'],
    ['a stream without events', 'echo:streamGenerateContent', hello, {}, 400, 'INVALID_ARGUMENT'],
    ['cached content', 'echo-g:generateContent', { ...hello, cachedContent: 'cachedContents/x' }, {}, 404, 'NOT_FOUND'],
  ])('[bad:gemini] %s is refused in this dialect', async (_name, path, body, headers, status, word) => {
    const answer = await post(path, body, headers);
    expect([answer.status, answer.json]).toMatchObject([status, { error: { code: status, status: word } }]);
  });

  it('[model:gemini-list] lists models by access and counts tokens', async () => {
    const names: string[] = [];
    for await (const { name } of await gemini.models.list()) names.push(name ?? '');
    expect(names).toEqual(expect.arrayContaining(['models/echo', 'models/echo-g']));
    expect((await gemini.models.get({ model: 'echo' })).name).toBe('models/echo');
    expect((await gemini.models.countTokens({ model: 'echo', contents: 'hello fox' })).totalTokens).toBeGreaterThan(0);
  });
});
