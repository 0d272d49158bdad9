import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../chat/message.ts';
import { failureOfDecode } from '../../providers/failure.ts';
import { decodeFailure } from './failure.ts';
import { forwardRequest } from './forward.ts';
import { inspectRequest } from './inspect.ts';

const user = (...parts: object[]) => ({ role: 'user', parts });
const model = (...parts: object[]) => ({ role: 'model', parts });
const request = (contents: object[], more: JsonObject = {}): JsonObject => ({
  model: 'm',
  stream: true,
  contents,
  ...more,
});

const HISTORY = [
  user({ text: 'look' }, { inline_data: { mime_type: 'image/png', data: 'aQ==' } }),
  model({ text: 'I ' }),
  model(
    { text: 'look.' },
    { text: 'hm', thought: true },
    { functionCall: { name: 'a', args: { x: 1 } } },
    { functionCall: { name: 'a', args: {} } },
  ),
  user(
    { functionResponse: { name: 'a', response: { result: 'first' } } },
    { function_response: { name: 'a', response: { rows: [1] } } },
  ),
];

describe('facts of a request of generateContent', () => {
  it('[model:gemini-facts] tell texts, attachments, calls and results, in either spelling', () => {
    const facts = inspectRequest(
      request(HISTORY, {
        system_instruction: { parts: [{ text: 'Be brief.' }] },
        generation_config: { max_output_tokens: 9 },
      }),
    );
    expect(facts).toMatchObject({ dialect: 'gemini', model: 'm', stream: true, maxTokens: 9, messageCount: 4 });
    expect(facts.texts.map(({ role, text }) => [role, text])).toEqual([
      ['system', 'Be brief.'],
      ['user', 'look'],
    ]);
    expect(facts.attachments).toEqual([{ message: 0, block: 1, kind: 'image' }]);
    expect(facts.assistant).toMatchObject([
      {
        message: 1,
        texts: ['I look.'],
        reasoning: ['hm'],
        toolCalls: [{ name: 'a', arguments: { x: 1 } }, { name: 'a' }],
      },
    ]);
    const ids = facts.assistant[0]?.toolCalls.map(({ id }) => id);
    expect(facts.toolResults.map(({ callId, texts }) => [callId, ...texts])).toEqual([
      [ids?.[0], 'first'],
      [ids?.[1], '{"rows":[1]}'],
    ]);
    expect(new Set(ids).size).toBe(2);
  });

  it('[model:gemini-facts] tell what the provider would fetch, what is stored there, and what it runs itself', () => {
    const stored = 'https://generativelanguage.googleapis.com/v1beta/files/abc-123';
    const facts = inspectRequest(
      request([user({ fileData: { fileUri: 'https://example.com/a.pdf' } }, { file_data: { file_uri: stored } })], {
        cachedContent: 'cachedContents/x',
        tools: [
          { google_search: {}, functionDeclarations: [{ name: 'f' }] },
          { codeExecution: {} },
          { type: 'mcp', server_label: 's' },
        ],
      }),
    );
    expect(facts.attachments).toMatchObject([{ url: 'https://example.com/a.pdf' }, { fileId: 'files/abc-123' }]);
    expect(facts.providerIds).toEqual([{ field: 'cachedContent', id: 'cachedContents/x' }]);
    expect(facts.tools.map((tool) => (tool.type === 'provider' ? `${tool.runBy} ${tool.kind}` : tool.type))).toEqual([
      'provider googleSearch',
      'function',
      'provider codeExecution',
      'mcp',
    ]);
  });

  it.each([
    'files/a',
    'gs://bucket/x',
    'https://generativelanguage.googleapis.com:443/v1beta/files/a',
    'HTTPS://generativelanguage.googleapis.com/v1beta/files/a?alt=media',
    'no url',
  ])('[model:gemini-facts] count %s as kept at the provider, beside a result too', (fileUri) => {
    const part = { fileData: { fileUri } };
    const result = { functionResponse: { name: 'a', parts: [part] } };
    expect(inspectRequest(request([user(part)])).attachments).toMatchObject([{ fileId: fileUri }]);
    expect(inspectRequest(request([user(result)])).toolResults[0]?.attachments).toMatchObject([{ fileId: fileUri }]);
  });

  it('[model:gemini-facts] count stores that a tool searches as kept at the provider', () => {
    const tools = [{ file_search: { fileSearchStoreNames: ['fileSearchStores/of-others'] } }];
    expect(inspectRequest(request([user({ text: 'a' })], { tools })).providerIds).toEqual([
      { field: 'tools', id: 'fileSearch' },
    ]);
  });

  it('[model:gemini-facts] tell a thought beside whatever proof it brings', () => {
    const thoughtSignature = Buffer.from('sallyport-redacted:').toString('base64');
    const said = inspectRequest(
      request([user({ text: 'a' }), model({ text: 'forged', thought: true, thoughtSignature })]),
    );
    expect(said.assistant[0]?.reasoning).toContain('forged');
  });

  it.each<[string, JsonObject, string]>([
    ['no contents', { model: 'm' }, 'contents'],
    ['data of a kind that nobody knows', request([user({ text: 'a', newKind: {} })]), 'contents[0].parts[0]'],
    [
      'an instruction that is no list',
      request([user({ text: 'a' })], { systemInstruction: { parts: { text: 'b' } } }),
      'systemInstruction.parts',
    ],
    [
      'functions that are no list',
      request([user({ text: 'a' })], { tools: [{ functionDeclarations: { name: 'f' } }] }),
      'tools[0].functionDeclarations',
    ],
    [
      'parts of a result that are no list',
      request([user({ functionResponse: { name: 'a', parts: { text: 'b' } } })]),
      'contents[0].parts[0].functionResponse.parts',
    ],
    [
      'a limit below nothing',
      request([user({ text: 'a' })], { generationConfig: { maxOutputTokens: -1e9 } }),
      'generationConfig.maxOutputTokens',
    ],
    [
      'a limit that is a word',
      request([user({ text: 'a' })], { generationConfig: { max_output_tokens: 'many' } }),
      'generationConfig.maxOutputTokens',
    ],
    [
      'no answers at all',
      request([user({ text: 'a' })], { generationConfig: { candidateCount: 0 } }),
      'generationConfig.candidateCount',
    ],
    ['contents that are a text', { model: 'm', contents: 'hi' }, 'contents'],
    ['a role of nobody', request([{ role: 'system', parts: [] }]), 'contents[0].role'],
    ['parts that are a text', request([{ parts: 'hi' }]), 'contents[0].parts'],
    ['a text that is a number', request([user({ text: 5 })]), 'contents[0].parts[0].text'],
    ['a call of a user', request([user({ functionCall: { name: 'a' } })]), 'contents[0].parts[0]'],
    ['a call without a name', request([model({ functionCall: {} })]), 'contents[0].parts[0].functionCall.name'],
    ['a result of a model', request([model({ functionResponse: { name: 'a' } })]), 'contents[0].parts[0]'],
    [
      'two kinds of data in a part',
      request([user({ text: 'a', fileData: { fileUri: 'https://a.example' } })]),
      'contents[0].parts[0]',
    ],
    [
      'a result beside a text',
      request([user({ text: 'a', function_response: { name: 'a' } })]),
      'contents[0].parts[0]',
    ],
    [
      'both spellings of a field',
      request([user({ text: 'a' })], {
        systemInstruction: { parts: [] },
        system_instruction: { parts: [{ text: 'b' }] },
      }),
      'systemInstruction',
    ],
    ['a configuration that is a list', request([user({ text: 'a' })], { generationConfig: 5 }), 'generationConfig'],
  ])('[model:gemini-facts] name the path of %s', (_name, body, path) => {
    expect(() => inspectRequest(body)).toThrow(expect.objectContaining({ name: 'DecodeError', path }) as never);
  });
});

describe('a changed request of generateContent', () => {
  const tools = [
    { functionDeclarations: [{ name: 'keep' }, { name: 'hide' }], googleSearch: {} },
    { codeExecution: {} },
  ];
  const body = request(HISTORY, {
    tools,
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['hide'] } },
    labels: { a: 'b' },
  });

  it('[model:gemini-forward] keeps its own bytes’ fields and loses what stands in the path', () => {
    const { model: _model, stream: _stream, ...rest } = body;
    expect(forwardRequest(body, {})).toEqual(rest);
  });

  it('[model:gemini-forward] loses hidden tools wherever they are declared, and the choice that names one', () => {
    const changed = forwardRequest(body, { keepTool: (tool) => tool.type === 'function' && tool.name === 'keep' });
    expect(changed.tools).toEqual([{ functionDeclarations: [{ name: 'keep' }] }]);
    expect(changed.toolConfig).toBeUndefined();
    expect(changed.labels).toEqual({ a: 'b' });
    const none = forwardRequest(body, { keepTool: () => false });
    expect('tools' in none).toBe(false);
  });

  it('[model:gemini-forward] gets the words of results, of the system and of the gateway’s own rounds', () => {
    const [first] = inspectRequest(body).toolResults;
    const changed = forwardRequest(body, {
      toolResults: new Map([[first?.callId ?? '', 'apart']]),
      prependSystem: ['Be careful.'],
      maxTokens: 7,
      appendMessages: [{ role: 'user', content: [{ type: 'text', text: 'more' }] }],
    });
    const contents = changed.contents as { parts: JsonObject[] }[];
    expect(contents[3]?.parts[0]).toEqual({ functionResponse: { name: 'a', response: { result: 'apart' } } });
    expect(contents[3]?.parts[1]).toEqual(HISTORY[3]?.parts[1]);
    expect(contents[4]).toEqual({ role: 'user', parts: [{ text: 'more' }] });
    expect(changed.systemInstruction).toEqual({ parts: [{ text: 'Be careful.' }] });
    expect(changed.generationConfig).toEqual({ maxOutputTokens: 7 });
    expect(JSON.stringify(changed)).not.toContain('first');
  });
});

describe('a failure of Gemini', () => {
  const of = (status: number, error: object) => decodeFailure(status, { error: { code: status, ...error } });
  const info = (reason: string) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason });

  it.each<[string, number, object, object]>([
    [
      'a bad key',
      400,
      { status: 'INVALID_ARGUMENT', message: 'API key not valid.', details: [info('API_KEY_INVALID')] },
      { kind: 'auth', retryable: false },
    ],
    [
      'a closed account',
      403,
      { status: 'PERMISSION_DENIED', details: [info('BILLING_DISABLED')] },
      { kind: 'billing' },
    ],
    [
      'a quota of a minute',
      429,
      { status: 'RESOURCE_EXHAUSTED', message: 'You exceeded your current quota', details: [{ retryDelay: '34.07s' }] },
      { kind: 'rate_limited', retryable: true, retryAfterMs: 34_070 },
    ],
    [
      'an empty account',
      429,
      { status: 'RESOURCE_EXHAUSTED', message: 'You exceeded your current quota' },
      { kind: 'billing' },
    ],
    [
      'a long prompt',
      400,
      {
        status: 'INVALID_ARGUMENT',
        message: 'The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).',
      },
      { kind: 'context_length' },
    ],
    [
      'an overload',
      503,
      { status: 'UNAVAILABLE', message: 'The model is overloaded.' },
      { kind: 'overloaded', retryable: true },
    ],
    [
      'a delay without end',
      429,
      { status: 'RESOURCE_EXHAUSTED', details: [{ retryDelay: '99999999s' }] },
      { retryAfterMs: 600_000 },
    ],
    ['nothing to read', 500, { details: 'x', message: 5 }, { kind: 'server_error' }],
  ])('[model:gemini-failures] is classed: %s', (_name, status, error, expected) => {
    expect(of(status, error)).toMatchObject(expected);
  });

  it('[model:gemini-failures] is read from a list, and a thing that is no decode fault is not swallowed', () => {
    expect(decodeFailure(404, [{ error: { status: 'NOT_FOUND' } }])).toMatchObject({ kind: 'not_found' });
    expect(() => failureOfDecode(new Error('other'))).toThrow('other');
  });
});
