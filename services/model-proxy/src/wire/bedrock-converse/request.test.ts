import { describe, expect, it } from '@jest/globals';
import type { ChatRequest } from '../../chat/request.ts';
import { frontCodecs } from '../codec.ts';
import { encodeRequest } from './request.ts';

const CLAUDE = 'eu.anthropic.claude-sonnet-4-6-v1:0';
const NOVA = 'amazon.nova-pro-v1:0';
const LLAMA = 'meta.llama3-3-70b-instruct-v1:0';
const base: ChatRequest = {
  model: CLAUDE,
  system: [],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
  tools: [],
  sampling: {},
  stream: false,
};
const hi = [{ role: 'user', content: [{ text: 'hi' }] }];
const weather = { type: 'function', name: 'weather', parameters: { type: 'object' } } as const;
const other = { type: 'function', name: 'other' } as const;
const spec = (name: string, json: object = { type: 'object' }) => ({ toolSpec: { name, inputSchema: { json } } });
const encode = (part: Partial<ChatRequest>) => encodeRequest({ ...base, ...part });
const fieldsOf = (notes: readonly { field: string }[]) => notes.map(({ field }) => field);

describe('a request of Converse', () => {
  it.each<[string, Partial<ChatRequest>, object]>([
    ['a text', {}, { messages: hi }],
    [
      'system text and a mark for the cache',
      { system: [{ type: 'text', text: 'Be brief.', cache: { type: 'ephemeral', ttl: '1h' } }] },
      { messages: hi, system: [{ text: 'Be brief.' }, { cachePoint: { type: 'default', ttl: '1h' } }] },
    ],
    [
      'sampling and stops',
      { sampling: { maxTokens: 9, temperature: 0.5, topP: 0.9, topK: 7 }, stop: ['END'] },
      {
        messages: hi,
        inferenceConfig: { maxTokens: 9, temperature: 0.5, topP: 0.9, stopSequences: ['END'] },
        additionalModelRequestFields: { top_k: 7 },
      },
    ],
    [
      'the top of Nova',
      { model: NOVA, sampling: { topK: 7 } },
      { messages: hi, additionalModelRequestFields: { inferenceConfig: { topK: 7 } } },
    ],
    [
      'a schema for the answer',
      { responseFormat: { type: 'json_schema', name: 'city', schema: { type: 'object' } } },
      {
        messages: hi,
        outputConfig: {
          textFormat: {
            type: 'json_schema',
            structure: { jsonSchema: { schema: '{"type":"object"}', name: 'city' } },
          },
        },
      },
    ],
    [
      'reasoning of a model that is told an effort',
      { reasoning: { effort: 'high' } },
      {
        messages: hi,
        additionalModelRequestFields: { thinking: { type: 'adaptive' } },
        outputConfig: { effort: 'high' },
      },
    ],
    [
      'reasoning of a model that is told a budget',
      { model: 'anthropic.claude-opus-4-1-20250805-v1:0', reasoning: { effort: 'low' }, sampling: { maxTokens: 9000 } },
      {
        messages: hi,
        inferenceConfig: { maxTokens: 9000 },
        additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 2048 } },
      },
    ],
    ['metadata', { metadata: { run: 'a-1' } }, { messages: hi, requestMetadata: { run: 'a-1' } }],
  ])('[clouds:converse-requests] says %s', (_name, part, body) => {
    const encoded = encode(part);
    expect(encoded.body).toEqual(body);
    expect(encoded.unsupported).toEqual([]);
  });

  it('[clouds:converse-requests] puts calls, results and what follows into messages whose roles alternate', () => {
    const { body, unsupported } = encode({
      tools: [weather],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Weather?' }] },
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'Two cities.', signature: 'sig' },
            { type: 'reasoning', text: '', redacted: 'cmVk' },
            { type: 'reasoning', text: 'unproven' },
            { type: 'text', text: ' ' },
            { type: 'toolCall', id: 'call_1', name: 'weather', arguments: '{"city":"Kraków"}' },
            { type: 'toolCall', id: 'has space', name: 'weather', arguments: '' },
          ],
        },
        {
          role: 'tool',
          content: [
            {
              type: 'toolResult',
              callId: 'call_1',
              content: [
                { type: 'text', text: 'sun' },
                { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'aGk=' } },
                {
                  type: 'file',
                  name: 'a/b?.pdf',
                  source: { kind: 'base64', mediaType: 'application/pdf', data: 'aGk=' },
                },
              ],
            },
            { type: 'toolResult', callId: 'has space', content: [], isError: true },
          ],
        },
        { role: 'user', content: [{ type: 'text', text: 'And?', cache: { type: 'ephemeral' } }] },
      ],
    });
    expect(unsupported).toEqual([]);
    expect(body.messages).toEqual([
      { role: 'user', content: [{ text: 'Weather?' }] },
      {
        role: 'assistant',
        content: [
          { reasoningContent: { reasoningText: { text: 'Two cities.', signature: 'sig' } } },
          { reasoningContent: { redactedContent: 'cmVk' } },
          { toolUse: { toolUseId: 'call_1', name: 'weather', input: { city: 'Kraków' } } },
          { toolUse: { toolUseId: 'sallyport_call_1', name: 'weather', input: {} } },
        ],
      },
      {
        role: 'user',
        content: [
          {
            toolResult: {
              toolUseId: 'call_1',
              content: [
                { text: 'sun' },
                { image: { format: 'png', source: { bytes: 'aGk=' } } },
                { document: { format: 'pdf', name: 'a b 1', source: { bytes: 'aGk=' } } },
              ],
            },
          },
          { toolResult: { toolUseId: 'sallyport_call_1', content: [{ text: '(empty)' }], status: 'error' } },
          { text: 'And?' },
          { cachePoint: { type: 'default' } },
        ],
      },
    ]);
  });

  it.each<[string, Partial<ChatRequest>, object | undefined, object | undefined]>([
    ['auto', { toolChoice: { type: 'auto' } }, { tools: [spec('weather')] }, undefined],
    [
      'required',
      { toolChoice: { type: 'required' } },
      { tools: [spec('weather')], toolChoice: { any: {} } },
      undefined,
    ],
    [
      'one tool',
      { toolChoice: { type: 'tool', name: 'weather' } },
      { tools: [spec('weather')], toolChoice: { tool: { name: 'weather' } } },
      undefined,
    ],
    ['none', { toolChoice: { type: 'none' } }, undefined, undefined],
    [
      'some of the tools',
      { tools: [weather, other], toolChoice: { type: 'allowed', mode: 'required', names: ['weather'] } },
      { tools: [spec('weather')], toolChoice: { any: {} } },
      undefined,
    ],
    [
      'one call at a time',
      { parallelToolCalls: false },
      { tools: [spec('weather')] },
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
  ])('[clouds:converse-tools] says a choice of %s', (_name, part, toolConfig, own) => {
    const { body, unsupported } = encode({ tools: [weather], ...part });
    expect([body.toolConfig, body.additionalModelRequestFields]).toEqual([toolConfig, own]);
    expect(unsupported).toEqual([]);
  });

  it('[clouds:converse-tools] names tools of the history where all are hidden, so that it is not refused', () => {
    const { body } = encode({
      messages: [
        ...base.messages,
        { role: 'assistant', content: [{ type: 'toolCall', id: 'a', name: 'gone', arguments: '{}' }] },
        { role: 'tool', content: [{ type: 'toolResult', callId: 'a', content: [{ type: 'text', text: 'x' }] }] },
      ],
    });
    expect(body.toolConfig).toMatchObject({ tools: [{ toolSpec: { name: 'gone', description: 'Not available.' } }] });
    expect(body.additionalModelRequestFields).toEqual({ tool_choice: { type: 'none' } });
  });

  it('[model:unsupported-reported] tells what Bedrock, or the model, cannot say', () => {
    const { unsupported } = encode({
      model: LLAMA,
      tools: [
        weather,
        { type: 'custom', name: 'shell' },
        { type: 'provider', dialect: 'gemini', kind: 'googleSearch', runBy: 'provider', definition: {} },
      ],
      parallelToolCalls: false,
      sampling: { seed: 1, n: 2, logprobs: true, temperature: 1.5, topK: 3, frequencyPenalty: 1 },
      responseFormat: { type: 'json_object' },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { kind: 'url', url: 'https://a.example/x.png' } },
            { type: 'image', source: { kind: 'base64', mediaType: 'image/tiff', data: '' } },
            { type: 'file', source: { kind: 'id', id: 'file-1' } },
            { type: 'file', source: { kind: 'base64', mediaType: 'audio/wav', data: '' } },
            { type: 'opaque', dialect: 'gemini', kind: 'videoMetadata', value: {} },
          ],
        },
      ],
      extra: { 'openai-chat': { store: true, prediction: {} } },
    });
    expect(fieldsOf(unsupported).sort()).toEqual(
      [
        'messages[0].content[0].source',
        'messages[0].content[1].source',
        'messages[0].content[2].source',
        'messages[0].content[3].source',
        'messages[0].content[4]',
        'parallelToolCalls',
        'prediction',
        'responseFormat',
        'sampling.frequencyPenalty',
        'sampling.logprobs',
        'sampling.n',
        'sampling.seed',
        'sampling.temperature',
        'sampling.topK',
        'tools[1]',
        'tools[2]',
      ].sort(),
    );
  });

  it.each([
    [
      'openai-chat',
      {
        model: LLAMA,
        messages: [
          { role: 'system', content: 'S' },
          { role: 'user', content: 'hi' },
        ],
      },
    ],
    ['anthropic-messages', { model: LLAMA, max_tokens: 9, system: 'S', messages: [{ role: 'user', content: 'hi' }] }],
    [
      'gemini',
      {
        model: LLAMA,
        systemInstruction: { parts: [{ text: 'S' }] },
        contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      },
    ],
  ] as const)('[clouds:converse-requests] is made of what a client of %s says', (dialect, body) => {
    const encoded = encodeRequest(frontCodecs[dialect].decodeRequest(body));
    expect(encoded.body).toMatchObject({ system: [{ text: 'S' }], messages: hi });
    expect(encoded.unsupported).toEqual([]);
  });
});
