import { describe, expect, it } from '@jest/globals';
import type { ChatRequest } from '../../chat/request.ts';
import { frontCodecs } from '../codec.ts';
import { encodeRequest } from './request.ts';

const base: ChatRequest = {
  model: 'command-a-reasoning-08-2025',
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
const bodyOf = (part: Partial<ChatRequest>) => {
  const { model: _model, stream: _stream, ...body } = encode(part).body;
  return body;
};
const fieldsOf = (notes: readonly { field: string }[]) => notes.map(({ field }) => field);
const text = (words: string) => ({ type: 'text' as const, text: words });

describe('a request of Cohere', () => {
  it.each<[string, Partial<ChatRequest>, object]>([
    ['a text', {}, { messages: hi }],
    [
      'system text before and between',
      { system: [text('Be brief.')], messages: [...base.messages, { role: 'system', content: [text('Now.')] }] },
      { messages: [{ role: 'system', content: 'Be brief.' }, ...hi, { role: 'system', content: 'Now.' }] },
    ],
    [
      'pictures, as data and by URL',
      {
        messages: [
          {
            role: 'user',
            content: [
              text('Look.'),
              { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'aW1n' }, detail: 'low' },
              { type: 'image', source: { kind: 'url', url: 'https://a.example/i.png' } },
            ],
          },
        ],
      },
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'Look.' },
              { type: 'image_url', image_url: { url: 'data:image/png;base64,aW1n', detail: 'low' } },
              { type: 'image_url', image_url: { url: 'https://a.example/i.png' } },
            ],
          },
        ],
      },
    ],
    [
      'sampling and stops',
      {
        sampling: { maxTokens: 9, temperature: 0.5, topP: 1, topK: 7, seed: 3, frequencyPenalty: 0.5 },
        stop: ['END'],
      },
      {
        messages: hi,
        max_tokens: 9,
        temperature: 0.5,
        p: 0.99,
        k: 7,
        seed: 3,
        frequency_penalty: 0.5,
        stop_sequences: ['END'],
      },
    ],
    [
      'a schema for the answer',
      { responseFormat: { type: 'json_schema', name: 'city', schema: { type: 'object' } } },
      { messages: hi, response_format: { type: 'json_object', json_schema: { type: 'object' } } },
    ],
    [
      'thinking by an effort',
      { reasoning: { effort: 'low' } },
      { messages: hi, thinking: { type: 'enabled', token_budget: 2048 } },
    ],
    ['thinking without bound', { reasoning: { effort: 'high' } }, { messages: hi, thinking: { type: 'enabled' } }],
    ['no thinking', { reasoning: { mode: 'disabled' } }, { messages: hi, thinking: { type: 'disabled' } }],
  ])('[wires:cohere-requests] says %s', (_what, part, body) => {
    expect(bodyOf(part)).toEqual(body);
    expect(encode(part).unsupported).toEqual([]);
  });

  it('[wires:cohere-requests] says what was said beside calls as their plan, and results by the ids of their calls', () => {
    const call = (id: string) => ({ type: 'toolCall' as const, id, name: 'weather', arguments: '' });
    const result = {
      type: 'file' as const,
      name: 'r',
      source: { kind: 'text' as const, mediaType: 'text/plain', text: 'rain' },
    };
    const messages: ChatRequest['messages'] = [
      { role: 'assistant', content: [{ type: 'reasoning', text: 'Hm.' }, text('I look.'), call('a'), call('b')] },
      {
        role: 'tool',
        content: [
          { type: 'toolResult', callId: 'a', content: [text('sun')], isError: true },
          { type: 'toolResult', callId: 'b', content: [result] },
          { type: 'toolResult', callId: 'c', content: [] },
        ],
      },
      { role: 'assistant', content: [{ type: 'reasoning', text: 'Hm.' }, call('d')] },
      { role: 'assistant', content: [{ type: 'reasoning', text: 'Hm.' }, text('Done.')] },
    ];
    const said = (id: string) => ({ id, type: 'function', function: { name: 'weather', arguments: '{}' } });
    const { body, unsupported, adjusted } = encode({ messages, tools: [weather] });
    expect(body.messages).toEqual([
      { role: 'assistant', tool_plan: 'I look.', tool_calls: [said('a'), said('b')] },
      { role: 'tool', tool_call_id: 'a', content: 'sun' },
      {
        role: 'tool',
        tool_call_id: 'b',
        content: [{ type: 'document', document: { data: { title: 'r', text: 'rain' } } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '(empty)' },
      { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.' }], tool_calls: [said('d')] },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.' },
          { type: 'text', text: 'Done.' },
        ],
      },
    ]);
    expect([unsupported, fieldsOf(adjusted)]).toEqual([[], ['messages[0].content', 'messages[1].content[0]']]);
  });

  it.each<[string, Partial<ChatRequest>, object]>([
    ['some', { toolChoice: { type: 'required' } }, { tools: [spec('weather')], tool_choice: 'REQUIRED' }],
    ['none', { toolChoice: { type: 'none' } }, { tools: [spec('weather')], tool_choice: 'NONE' }],
    ['any', { toolChoice: { type: 'auto' } }, { tools: [spec('weather')] }],
    [
      'a certain one, by offering no other',
      { tools: [weather, other], toolChoice: { type: 'tool', name: 'weather' } },
      { tools: [spec('weather')], tool_choice: 'REQUIRED' },
    ],
    [
      'one of some, by offering no others',
      { tools: [weather, other], toolChoice: { type: 'allowed', mode: 'auto', names: ['other'] } },
      { tools: [spec('other', { description: 'Else.', parameters: { type: 'object', properties: {} } })] },
    ],
    ['strict ones', { tools: [{ ...weather, strict: true }] }, { tools: [spec('weather')], strict_tools: true }],
  ])('[wires:cohere-requests] offers tools and has %s called', (_which, part, fields) => {
    expect(bodyOf({ tools: [weather], ...part })).toEqual({ messages: hi, ...fields });
  });

  it('[wires:cohere-documents] has documents beside the messages, those of OpenAI’s clients among them', () => {
    const file = {
      type: 'file' as const,
      name: 'n',
      source: { kind: 'text' as const, mediaType: 'text/plain', text: 'w' },
    };
    const documents = ['one', { id: 'b', data: { text: 'two' } }, { title: 't', text: 'three' }, { data: 'four' }, 5];
    const { body, unsupported } = encode({
      messages: [{ role: 'user', content: [text('hi'), file] }],
      extra: { 'openai-chat': { documents, citation_options: { mode: 'OFF' }, safety_mode: 'OFF' } },
    });
    expect(body).toMatchObject({ messages: hi, citation_options: { mode: 'OFF' }, safety_mode: 'OFF' });
    expect(body.documents).toEqual([
      'one',
      { id: 'b', data: { text: 'two' } },
      { data: { title: 't', text: 'three' } },
      { data: { text: 'four' } },
      { data: { title: 'n', text: 'w' } },
    ]);
    expect(unsupported).toEqual([]);
  });

  it('[wires:cohere-documents] is read as attached, whatever the client of OpenAI’s dialect says of it', () => {
    const facts = frontCodecs['openai-chat'].inspect({
      model: 'm',
      messages: hi,
      documents: ['one', { id: 'b', data: { text: 'two' } }, { text: 'three' }],
    });
    expect(facts.attachments.map((one) => one.text)).toEqual(['one', '{"id":"b","data":{"text":"two"}}', 'three']);
  });

  it.each<[string, Partial<ChatRequest>]>([
    ['sampling.n', { sampling: { n: 2 } }],
    ['sampling.logprobs', { sampling: { logprobs: true } }],
    ['sampling.logitBias', { sampling: { logitBias: { 1: 1 } } }],
    ['sampling.presencePenalty', { sampling: { presencePenalty: -1 } }],
    ['stop', { stop: ['1', '2', '3', '4', '5', '6'] }],
    ['parallelToolCalls', { tools: [weather], parallelToolCalls: false }],
    ['responseFormat', { tools: [weather], responseFormat: { type: 'json_object' } }],
    ['tools[0]', { tools: [{ type: 'custom', name: 'c' }] }],
    ['prediction', { extra: { 'openai-chat': { prediction: {} } } }],
    ['documents', { extra: { 'anthropic-messages': { documents: ['x'] } } }],
    [
      'messages[0].content[1].source',
      {
        messages: [
          {
            role: 'user',
            content: [
              text('x'),
              { type: 'file', source: { kind: 'base64', mediaType: 'application/pdf', data: 'aA==' } },
            ],
          },
        ],
      },
    ],
  ])('[wires:refused] cannot say %s, and tells so', (field, part) => {
    expect(fieldsOf(encode(part).unsupported)).toEqual([field]);
  });

  it('[wires:refused] leaves out what it cannot say, so that the rest can be asked all the same', () => {
    const file = { type: 'file' as const, source: { kind: 'text' as const, mediaType: 'text/plain', text: 'w' } };
    const call = { type: 'toolCall' as const, id: 'a', name: 'f', arguments: '{' };
    const { body, unsupported } = encode({
      messages: [...base.messages, { role: 'assistant', content: [call] }, { role: 'user', content: [file] }],
      stop: ['1', '2', '3', '4', '5', '6'],
      tools: [weather],
      responseFormat: { type: 'json_object' },
    });
    expect(body).toMatchObject({
      messages: [...hi, { role: 'assistant', tool_calls: [{ function: { arguments: '{}' } }] }],
      documents: [{ data: { text: 'w' } }],
      stop_sequences: ['1', '2', '3', '4', '5'],
    });
    expect(body.response_format).toBeUndefined();
    expect(fieldsOf(unsupported)).toEqual([
      'messages[1].content[0].arguments',
      'messages[2].content',
      'stop',
      'responseFormat',
    ]);
  });

  it('[wires:refused] leaves out what changes no answer, and tells so', () => {
    const reasoning = { effort: 'high' };
    const { body, unsupported, adjusted } = encode({ model: 'command-r-08-2024', reasoning, user: 'u', metadata: {} });
    expect([body.thinking, unsupported]).toEqual([undefined, []]);
    expect(fieldsOf(adjusted)).toEqual(['reasoning', 'user', 'metadata']);
  });
});
