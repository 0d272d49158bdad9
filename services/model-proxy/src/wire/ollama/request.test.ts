import { describe, expect, it } from '@jest/globals';
import type { ChatRequest } from '../../chat/request.ts';
import { encodeRequest } from './request.ts';

const base: ChatRequest = {
  model: 'qwen3:8b',
  system: [],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
  tools: [],
  sampling: {},
  stream: false,
};
const hi = [{ role: 'user', content: 'hi' }];
const weather = { type: 'function', name: 'weather', parameters: { type: 'object' } } as const;
const other = { type: 'function', name: 'other', description: 'Else.' } as const;
const spec = (name: string, rest: object = {}) => ({
  type: 'function',
  function: { name, parameters: { type: 'object' }, ...rest },
});
const encode = (part: Partial<ChatRequest>) => encodeRequest({ ...base, ...part });
const fieldsOf = (notes: readonly { field: string }[]) => notes.map(({ field }) => field);
const text = (words: string) => ({ type: 'text' as const, text: words });
const picture = { type: 'image' as const, source: { kind: 'base64' as const, mediaType: 'image/png', data: 'aW1n' } };

describe('a request of Ollama', () => {
  it.each<[string, Partial<ChatRequest>, object]>([
    ['that it is not to be streamed, and not to be cut', {}, { stream: false, truncate: false }],
    ['that it is to be streamed', { stream: true }, { stream: true }],
    [
      'system text before and between',
      { system: [text('A'), text('B')], messages: [...base.messages, { role: 'system', content: [text('C')] }] },
      { messages: [{ role: 'system', content: 'A\n\nB' }, ...hi, { role: 'system', content: 'C' }] },
    ],
    [
      'pictures as data beside the text',
      { messages: [{ role: 'user', content: [text('Look.'), picture, text('Well?')] }] },
      { messages: [{ role: 'user', content: 'Look.\n\nWell?', images: ['aW1n'] }] },
    ],
    [
      'sampling and stops as options',
      {
        sampling: { maxTokens: 9, temperature: 0.5, topP: 1, topK: 7, seed: 3, presencePenalty: 1 },
        stop: ['END'],
      },
      {
        options: {
          num_predict: 9,
          temperature: 0.5,
          top_p: 1,
          top_k: 7,
          seed: 3,
          presence_penalty: 1,
          stop: ['END'],
        },
      },
    ],
    [
      'options in its own words, the neutral ones first',
      {
        sampling: { seed: 1 },
        extra: { 'openai-chat': { keep_alive: '5m', num_ctx: 8192, options: { min_p: 0.1, seed: 2, top_k: 4 } } },
      },
      { keep_alive: '5m', options: { num_ctx: 8192, min_p: 0.1, seed: 1, top_k: 4 } },
    ],
    ['JSON', { responseFormat: { type: 'json_object' } }, { format: 'json' }],
    [
      'a schema',
      { responseFormat: { type: 'json_schema', schema: { type: 'object' } } },
      { format: { type: 'object' } },
    ],
    ['that it is to think', { reasoning: { effort: 'high' } }, { think: true }],
    ['how much to think', { model: 'gpt-oss:20b', reasoning: { effort: 'xhigh' } }, { think: 'high' }],
    ['that it is not to think', { reasoning: { mode: 'disabled' } }, { think: false }],
  ])('[wires:ollama-requests] says %s', (_what, part, fields) => {
    const { body, unsupported } = encode(part);
    expect(body).toMatchObject(fields);
    expect(unsupported).toEqual([]);
  });

  it('[wires:ollama-requests] says arguments as objects, and whose result it is by the function', () => {
    const messages: ChatRequest['messages'] = [
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Hm.' },
          { type: 'reasoning', text: 'Ha.', signature: 's' },
          text('I look.'),
          { type: 'toolCall', id: 'a', name: 'weather', arguments: '{"city":"Łódź"}' },
          { type: 'toolCall', id: 'b', name: 'other', arguments: '' },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'toolResult', callId: 'b', content: [text('sun'), picture], isError: true },
          { type: 'toolResult', callId: 'x', content: [] },
        ],
      },
      { role: 'assistant', content: [] },
    ];
    const { body, unsupported, adjusted } = encode({ messages });
    expect(body.messages).toEqual([
      {
        role: 'assistant',
        content: 'I look.',
        thinking: 'Hm.',
        tool_calls: [
          { id: 'a', function: { index: 0, name: 'weather', arguments: { city: 'Łódź' } } },
          { id: 'b', function: { index: 1, name: 'other', arguments: {} } },
        ],
      },
      { role: 'tool', content: 'sun', images: ['aW1n'], tool_name: 'other', tool_call_id: 'b' },
      { role: 'tool', content: '', tool_call_id: 'x' },
    ]);
    expect([unsupported, fieldsOf(adjusted)]).toEqual([[], ['messages[0].content[1]', 'messages[1].content[0]']]);
  });

  it.each<[string, Partial<ChatRequest>, unknown]>([
    [
      'all',
      {},
      [spec('weather'), spec('other', { description: 'Else.', parameters: { type: 'object', properties: {} } })],
    ],
    ['some', { toolChoice: { type: 'allowed', mode: 'auto', names: ['weather'] } }, [spec('weather')]],
    ['none, where none may be called', { toolChoice: { type: 'none' } }, undefined],
  ])('[wires:ollama-requests] offers %s', (_which, part, tools) => {
    const { body, unsupported } = encode({ tools: [weather, other], ...part });
    expect([body.tools, unsupported]).toEqual([tools, []]);
  });

  it.each<[string, Partial<ChatRequest>]>([
    ['sampling.n', { sampling: { n: 2 } }],
    ['sampling.topLogprobs', { sampling: { topLogprobs: 2 } }],
    ['toolChoice', { tools: [weather], toolChoice: { type: 'required' } }],
    ['toolChoice', { tools: [weather], toolChoice: { type: 'tool', name: 'weather' } }],
    ['parallelToolCalls', { tools: [weather], parallelToolCalls: false }],
    ['options.num_gpu', { extra: { 'openai-chat': { options: { num_gpu: 99 } } } }],
    ['prediction', { extra: { 'openai-chat': { prediction: {} } } }],
    [
      'messages[0].content[0].source',
      {
        messages: [{ role: 'user', content: [{ type: 'image', source: { kind: 'url', url: 'https://a.example/i' } }] }],
      },
    ],
    [
      'messages[0].content[0]',
      {
        messages: [
          {
            role: 'user',
            content: [{ type: 'file', source: { kind: 'base64', mediaType: 'application/pdf', data: 'aA==' } }],
          },
        ],
      },
    ],
    [
      'messages[0].content[0].arguments',
      { messages: [{ role: 'assistant', content: [{ type: 'toolCall', id: 'a', name: 'f', arguments: '{' }] }] },
    ],
  ])('[wires:refused] cannot say %s, and tells so', (field, part) => {
    expect(fieldsOf(encode(part).unsupported)).toEqual([field]);
  });
});
