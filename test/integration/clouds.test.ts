import Anthropic from '@anthropic-ai/sdk';
import { type Content, GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { BEDROCK_SIGNATURE, BEDROCK_TOKENS } from '../fakes/bedrock-wire.ts';
import { AFTER_TOOLS, CITIES, type FakeClouds, startFakeClouds } from '../fakes/clouds.ts';
import { findSecret } from '../fakes/listening.ts';
import { shareGlobalDispatcher } from '../support/global-dispatcher.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { admin, eventually, PRICE, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

/** Models by their public names: the provider, and the name there. */
const MODELS: Readonly<Record<string, readonly [provider: string, model: string]>> = {
  'bedrock-claude': ['bedrock', 'eu.anthropic.claude-sonnet-4-6-v1:0'],
  'bedrock-nova': ['bedrock', 'amazon.nova-pro-v1:0'],
  'vertex-gemini': ['vertex', 'gemini-3-flash'],
  'vertex-claude': ['vertex', 'claude-sonnet-4-5@20250929'],
  'azure-gpt': ['azure', 'gpt-5-mini'],
  'foundry-deepseek': ['foundry', 'DeepSeek-V3-0324'],
  'foundry-claude': ['foundry', 'claude-sonnet-4-5'],
};
const EACH = Object.keys(MODELS);
const BROKEN = { 'bedrock-throttled': ['bedrock', 'throttled'], 'bedrock-breaks': ['bedrock', 'breaks'] } as const;

let clouds: FakeClouds;
let suite: TestSuite;
let openai: OpenAI;
let anthropic: Anthropic;
let gemini: GoogleGenAI;

shareGlobalDispatcher();

beforeAll(async () => {
  clouds = await startFakeClouds();
  suite = await suiteWith(resources(clouds), {
    services: MODEL_PLANE,
  });
  openai = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: `${suite.endpoint}/anthropic`, apiKey: suite.key, maxRetries: 0 });
  const httpOptions = { baseUrl: `${suite.endpoint}/gemini`, apiVersion: 'v1beta' };
  gemini = new GoogleGenAI({ apiKey: suite.key, httpOptions });
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await clouds?.close();
}, 30_000);

function resources({ url, aws, tokens, key }: FakeClouds): ResourceInit[] {
  const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken } = aws;
  const provider = (name: string, secret: string, spec: object, credentials: object = {}): ResourceInit => ({
    kind: 'ModelProvider',
    name,
    spec: {
      baseURL: url,
      allowPrivateNetwork: true,
      credentials: { secretRef: { name: 'clouds', key: secret }, ...credentials },
      ...spec,
    },
  });
  return [
    {
      kind: 'Secret',
      name: 'clouds',
      stringData: {
        aws: JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken }),
        google: JSON.stringify(tokens.account),
        azure: JSON.stringify(tokens.application),
        key,
      },
    },
    provider('bedrock', 'aws', { type: 'bedrock', aws: { region: 'eu-central-1' } }),
    provider(
      'vertex',
      'google',
      { type: 'vertex', google: { project: 'acme', location: 'eu' } },
      { tokenURL: `${url}/google/token` },
    ),
    provider('azure', 'azure', { type: 'azure-openai' }, { tokenURL: `${url}/azure/token` }),
    provider('foundry', 'key', { type: 'azure-foundry' }),
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

const parameters = { type: 'object' as const, properties: { city: { type: 'string' } } };
const user = { role: 'user' as const, content: 'hello fox' };
const cities = (calls: readonly string[]) => calls.map((text) => (JSON.parse(text) as { city: string }).city);

describe.each(EACH)('the OpenAI SDK and %s', (model) => {
  const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }];

  it('[clouds:every-front] is answered and streamed to, with usage', async () => {
    const whole = await openai.chat.completions.create({ model, messages: [user] });
    expect(whole.choices[0]).toMatchObject({ message: { content: 'hello fox' }, finish_reason: 'stop' });
    expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
    const stream = openai.chat.completions.stream({
      model,
      messages: [user],
      stream_options: { include_usage: true },
    });
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe('hello fox');
    expect(streamed.usage).toEqual(whole.usage);
  });

  it('[clouds:every-front] has two calls made at once, and answers their results', async () => {
    const first = await openai.chat.completions.stream({ model, messages: [user], tools }).finalChatCompletion();
    const said = first.choices[0]?.message;
    const calls = (said?.tool_calls ?? []).flatMap((call) => (call.type === 'function' ? [call] : []));
    expect(cities(calls.map((call) => call.function.arguments))).toEqual(CITIES);
    const results = calls.map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'sun' }));
    const messages = [user, said as OpenAI.Chat.ChatCompletionMessageParam, ...results];
    const second = await openai.chat.completions.create({ model, messages, tools });
    expect(second.choices[0]?.message.content).toBe(AFTER_TOOLS);
  });
});

describe.each(EACH)('the responses of the OpenAI SDK and %s', (model) => {
  const tools = [{ type: 'function' as const, name: 'weather', parameters, strict: false }];

  it('[clouds:every-front] are made whole and streamed, and have their two calls answered', async () => {
    const whole = await openai.responses.create({ model, input: 'hello fox', store: false });
    expect([whole.output_text, whole.status]).toEqual(['hello fox', 'completed']);
    const asked = { role: 'user' as const, content: 'Weather?' };
    const first = await openai.responses.stream({ model, input: [asked], tools, store: false }).finalResponse();
    const calls = first.output.flatMap((item) => (item.type === 'function_call' ? [item] : []));
    expect(cities(calls.map((call) => call.arguments))).toEqual(CITIES);
    const results = calls.map(({ call_id }) => ({ type: 'function_call_output' as const, call_id, output: 'sun' }));
    const said = first.output as OpenAI.Responses.ResponseInputItem[];
    const second = await openai.responses.create({ model, input: [asked, ...said, ...results], tools, store: false });
    expect(second.output_text).toBe(AFTER_TOOLS);
  });
});

describe.each(EACH)('the Anthropic SDK and %s', (model) => {
  const tools = [{ name: 'weather', input_schema: parameters }];

  it('[clouds:every-front] is answered and streamed to, and has its two calls answered', async () => {
    const whole = await anthropic.messages.create({ model, max_tokens: 50, messages: [user] });
    expect(whole).toMatchObject({ content: [{ type: 'text', text: 'hello fox' }], stop_reason: 'end_turn' });
    const streamed = await anthropic.messages.stream({ model, max_tokens: 50, messages: [user], tools }).finalMessage();
    const calls = streamed.content.flatMap((block) => (block.type === 'tool_use' ? [block] : []));
    expect([streamed.stop_reason, calls.map(({ input }) => input)]).toEqual([
      'tool_use',
      CITIES.map((city) => ({ city })),
    ]);
    const content = calls.map(({ id }) => ({ type: 'tool_result' as const, tool_use_id: id, content: 'sun' }));
    const messages = [
      user,
      { role: 'assistant' as const, content: streamed.content },
      { role: 'user' as const, content },
    ];
    const second = await anthropic.messages.stream({ model, max_tokens: 50, messages, tools }).finalMessage();
    expect(second.content).toMatchObject([{ type: 'text', text: AFTER_TOOLS }]);
  });
});

describe.each(EACH)('the Gemini SDK and %s', (model) => {
  const config = { tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: parameters }] }] };

  it('[clouds:every-front] is answered and streamed to, and has its two calls answered', async () => {
    const whole = await gemini.models.generateContent({ model, contents: 'hello fox' });
    expect([whole.text, whole.candidates?.[0]?.finishReason]).toEqual(['hello fox', 'STOP']);
    let text = '';
    for await (const chunk of await gemini.models.generateContentStream({ model, contents: 'hello fox' }))
      text += chunk.text ?? '';
    expect(text).toBe('hello fox');
    const asked: Content = { role: 'user', parts: [{ text: 'Weather?' }] };
    const first = await gemini.models.generateContent({ model, contents: [asked], config });
    expect(first.functionCalls?.map(({ args }) => args)).toEqual(CITIES.map((city) => ({ city })));
    const parts = (first.functionCalls ?? []).map(({ id }) => ({
      functionResponse: { ...(id ? { id } : {}), name: 'weather', response: { result: 'sun' } },
    }));
    const contents = [asked, first.candidates?.[0]?.content as Content, { role: 'user', parts }];
    expect((await gemini.models.generateContent({ model, contents, config })).text).toBe(AFTER_TOOLS);
  });
});

describe('a model that thinks at Bedrock', () => {
  const thinking = { type: 'adaptive' as const };
  const tools = [{ name: 'weather', input_schema: parameters }];

  it('[clouds:converse-reasoning] tells the Anthropic SDK its reasoning with the proof, and gets both back before its calls', async () => {
    const given = { model: 'bedrock-claude', max_tokens: 500, tools, thinking };
    const first = await anthropic.messages.stream({ ...given, messages: [user] }).finalMessage();
    const [said] = first.content;
    expect(said).toEqual({ type: 'thinking', thinking: 'I think about it.', signature: BEDROCK_SIGNATURE });
    const content = first.content.flatMap((block) =>
      block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'sun' }] : [],
    );
    const history = [user, { role: 'assistant' as const, content: first.content }, { role: 'user' as const, content }];
    const second = await anthropic.messages.create({ ...given, messages: history });
    expect(second.content.at(-1)).toMatchObject({ type: 'text', text: AFTER_TOOLS });
    const bare = { role: 'assistant' as const, content: first.content.filter(({ type }) => type === 'tool_use') };
    const unproven = anthropic.messages.create({ ...given, messages: [user, bare, { role: 'user', content }] });
    await expect(unproven).rejects.toMatchObject({ status: 400 });
  });
});

describe('what is sent to a cloud', () => {
  it('[clouds:secrets-kept] holds no secret but at its token endpoint, and never the key of the client', () => {
    const { aws, tokens } = clouds;
    const secrets = [aws.secretAccessKey, tokens.application.clientSecret, tokens.account.private_key ?? '', suite.key];
    const leaked = clouds.requests.filter(({ path }) => path !== '/azure/token');
    expect(leaked.length).toBeGreaterThan(20);
    for (const request of leaked) for (const secret of secrets) expect(findSecret(request, secret)).toEqual([]);
    const forms = clouds.requests.filter(({ path }) => path.endsWith('/token'));
    expect(forms.every(({ body }) => !body.includes(encodeURIComponent(aws.secretAccessKey)))).toBe(true);
  });

  it('[clouds:tokens] carries one token for all calls, and another at once where that was revoked', async () => {
    const before = clouds.tokens.issued();
    expect(before).toBe(2);
    clouds.tokens.revoke();
    for (const model of ['vertex-gemini', 'vertex-claude', 'azure-gpt']) {
      const answer = await openai.chat.completions.create({ model, messages: [user] });
      expect(answer.choices[0]?.message.content).toBe('hello fox');
    }
    expect(clouds.tokens.issued()).toBe(4);
  });

  it('[clouds:recorded] leaves a record with the tokens that Bedrock read from its cache', async () => {
    const { response } = await openai.chat.completions
      .create({ model: 'bedrock-claude', messages: [user] })
      .withResponse();
    const trajectory = response.headers.get('sallyport-trajectory');
    const run = await eventually(
      () => admin<{ records: object[] }>(suite, `trajectories/${trajectory}`).catch(() => ({ records: [] })),
      ({ records }) => records.length > 0,
    );
    const { input, output, cached } = BEDROCK_TOKENS;
    expect(run.records).toMatchObject([{ kind: 'model_call', outcome: 'ok', provider: 'bedrock' }]);
    expect(JSON.stringify(run.records)).toContain(String(input));
    const answer = await openai.chat.completions.create({ model: 'bedrock-claude', messages: [user] });
    expect(answer.usage).toMatchObject({
      prompt_tokens: input,
      completion_tokens: output,
      prompt_tokens_details: { cached_tokens: cached },
    });
  });
});

describe('a failure of Bedrock', () => {
  it('[clouds:converse-failures] is told in the dialect of the client, before its stream and within it', async () => {
    const throttled = openai.chat.completions.create({ model: 'bedrock-throttled', messages: [user], stream: true });
    await expect(throttled).rejects.toMatchObject({ status: 429 });
    const read = async () => {
      const stream = await openai.chat.completions.create({ model: 'bedrock-breaks', messages: [user], stream: true });
      for await (const _chunk of stream);
    };
    await expect(read()).rejects.toThrow('failed');
    const messages = anthropic.messages.stream({ model: 'bedrock-breaks', max_tokens: 9, messages: [user] });
    await expect(messages.finalMessage()).rejects.toThrow();
  });
});
