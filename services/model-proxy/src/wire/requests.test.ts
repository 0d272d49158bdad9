import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../chat/message.ts';
import type { ChatRequest } from '../chat/request.ts';
import { frontCodecs } from './codec.ts';

const base: ChatRequest = {
  model: 'm',
  system: [],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Grüße 👋🏽' }] }],
  tools: [],
  sampling: { maxTokens: 100 },
  stream: false,
};
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const call = { type: 'toolCall' as const, id: 'call_1', name: 'weather', arguments: '{"city":"Kraków"}' };

/** What both dialects can say. */
const sayable: [string, Partial<ChatRequest>][] = [
  ['text', {}],
  ['one system text', { system: [{ type: 'text', text: 'Be brief.' }] }],
  [
    'several system texts',
    {
      system: [
        { type: 'text', text: 'Be brief.' },
        { type: 'text', text: 'Be kind.' },
      ],
    },
  ],
  [
    'several turns',
    {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a' }] },
        { role: 'assistant', content: [{ type: 'text', text: 'b' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'c' },
            { type: 'text', text: 'd' },
          ],
        },
      ],
    },
  ],
  [
    'images by URL and as data',
    {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' } },
            { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'iVBORw0KGgo=' } },
          ],
        },
      ],
    },
  ],
  [
    'a file as data',
    {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'file', name: 'a.pdf', source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' } },
          ],
        },
      ],
    },
  ],
  [
    'tools and a forced choice',
    {
      tools: [{ type: 'function', name: 'weather', description: 'Tells weather', parameters, strict: true }],
      toolChoice: { type: 'tool', name: 'weather' },
      parallelToolCalls: false,
    },
  ],
  ['a demanded call', { tools: [{ type: 'function', name: 'weather', parameters }], toolChoice: { type: 'required' } }],
  ['a forbidden call', { tools: [{ type: 'function', name: 'weather', parameters }], toolChoice: { type: 'none' } }],
  [
    'parallel calls and their results',
    {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'weather?' }] },
        {
          role: 'assistant',
          content: [{ type: 'text', text: 'I look.' }, call, { ...call, id: 'call_2', arguments: '{}' }],
        },
        {
          role: 'tool',
          content: [
            { type: 'toolResult', callId: 'call_1', content: [{ type: 'text', text: 'sun' }] },
            {
              type: 'toolResult',
              callId: 'call_2',
              content: [
                { type: 'text', text: 'rain' },
                { type: 'text', text: '!' },
              ],
            },
          ],
        },
        { role: 'user', content: [{ type: 'text', text: 'thanks' }] },
      ],
    },
  ],
  ['a JSON schema', { responseFormat: { type: 'json_schema', schema: parameters } }],
  ['stop sequences', { stop: ['END', '\n\n'] }],
  ['sampling', { sampling: { maxTokens: 5, temperature: 0.5, topP: 0.9 } }],
  ['a stream', { stream: true }],
  ['a user', { user: 'u-1' }],
  ['no reasoning', { reasoning: { mode: 'disabled' } }],
];

describe.each(['openai-chat', 'anthropic-messages'] as const)('requests in %s', (dialect) => {
  const codec = frontCodecs[dialect];

  it.each(sayable)('[model:wire-round-trip] say %s and read the same back', (_name, part) => {
    const request: ChatRequest = { ...base, ...part };
    const { body, unsupported, adjusted } = codec.encodeRequest(request);
    expect({ unsupported, adjusted }).toEqual({ unsupported: [], adjusted: [] });
    const format = request.responseFormat;
    const named =
      dialect === 'openai-chat' && format?.type === 'json_schema'
        ? { responseFormat: { ...format, name: 'answer' } }
        : {};
    expect(codec.decodeRequest(JSON.parse(JSON.stringify(body)) as JsonObject)).toEqual({ ...request, ...named });
    expect(codec.inspect(body).messageCount).toBeGreaterThan(0);
  });

  it('keep unknown fields for the same dialect and report them for the other', () => {
    const body: JsonObject = {
      model: 'm',
      max_tokens: 9,
      messages: [{ role: 'user', content: 'hi', x_message: 1 }],
      x_future: { deep: [1] },
    };
    const request = codec.decodeRequest(body);
    const again = codec.encodeRequest(request, { maxTokensField: 'max_tokens' } as never).body;
    expect(again).toEqual(body);
    const other = dialect === 'openai-chat' ? frontCodecs['anthropic-messages'] : frontCodecs['openai-chat'];
    expect(other.encodeRequest(request).unsupported).toEqual([
      { field: 'x_future', reason: `exists in ${dialect} only` },
    ]);
  });
});

describe('what a dialect cannot say', () => {
  const anthropic = (part: Partial<ChatRequest>) =>
    frontCodecs['anthropic-messages'].encodeRequest({ ...base, ...part });
  const openai = (part: Partial<ChatRequest>) => frontCodecs['openai-chat'].encodeRequest({ ...base, ...part });

  it.each<[string, Partial<ChatRequest>, string]>([
    ['a seed', { sampling: { maxTokens: 1, seed: 7 } }, 'sampling.seed'],
    ['several answers', { sampling: { maxTokens: 1, n: 2 } }, 'sampling.n'],
    ['a temperature above 1', { sampling: { maxTokens: 1, temperature: 1.5 } }, 'sampling.temperature'],
    ['JSON without a schema', { responseFormat: { type: 'json_object' } }, 'responseFormat'],
    ['free text tools', { tools: [{ type: 'custom', name: 'x' }] }, 'tools[0]'],
    [
      'arguments that are not JSON',
      { messages: [{ role: 'assistant', content: [{ ...call, arguments: '{"city":' }] }] },
      'messages[0].content[0].arguments',
    ],
    ['a tool that the gateway runs', { tools: [{ type: 'mcp', serverLabel: 's', definition: {} }] }, 'tools[0]'],
  ])('[model:unsupported-reported] is reported by Anthropic: %s', (_name, part, field) => {
    expect(anthropic(part).unsupported.map((note) => note.field)).toEqual([field]);
  });

  it.each<[string, Partial<ChatRequest>, string]>([
    ['top_k', { sampling: { maxTokens: 1, topK: 7 } }, 'sampling.topK'],
    [
      "another dialect's provider-run tool",
      {
        tools: [
          {
            type: 'provider',
            dialect: 'anthropic-messages',
            kind: 'web_search_20250305',
            runBy: 'provider',
            definition: {},
          },
        ],
      },
      'tools[0]',
    ],
    [
      'a file by URL',
      {
        messages: [{ role: 'user', content: [{ type: 'file', source: { kind: 'url', url: 'https://e.com/a.pdf' } }] }],
      },
      'messages[0].content[0]',
    ],
  ])('[model:unsupported-reported] is reported by OpenAI: %s', (_name, part, field) => {
    expect(openai(part).unsupported.map((note) => note.field)).toEqual([field]);
  });

  it('is not reported where the value is the default', () => {
    const sampling = { maxTokens: 1, n: 1, frequencyPenalty: 0, presencePenalty: 0, logprobs: false };
    expect(anthropic({ sampling }).unsupported).toEqual([]);
  });

  it('names a limit for Anthropic where the client gave none, and says so', () => {
    const { body, adjusted } = anthropic({ sampling: {} });
    expect(body.max_tokens).toBe(4096);
    expect(adjusted.map((note) => note.field)).toEqual(['sampling.maxTokens']);
  });

  it('leaves reasoning of earlier turns out for OpenAI and keeps it signed for Anthropic', () => {
    const messages: ChatRequest['messages'] = [
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'hm', signature: 'sig' },
          { type: 'text', text: 'a' },
        ],
      },
    ];
    expect(openai({ messages }).body.messages).toEqual([{ role: 'assistant', content: 'a' }]);
    expect(openai({ messages }).adjusted).toHaveLength(1);
    expect(anthropic({ messages }).body.messages).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'sig' },
          { type: 'text', text: 'a' },
        ],
      },
    ]);
  });

  it.each<['adaptive' | 'budget' | 'none', number, JsonObject]>([
    ['adaptive', 100, { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }],
    ['budget', 100_000, { thinking: { type: 'enabled', budget_tokens: 16_384 } }],
    ['budget', 4096, { thinking: { type: 'enabled', budget_tokens: 2048 } }],
    ['budget', 100, {}],
    ['none', 100, {}],
  ])('says an effort in the style %s under %i tokens', (reasoning, maxTokens, expected) => {
    const request = { ...base, sampling: { maxTokens }, reasoning: { effort: 'high' } };
    const { body } = frontCodecs['anthropic-messages'].encodeRequest(request, { reasoning });
    expect({ thinking: body.thinking, output_config: body.output_config }).toEqual({
      thinking: undefined,
      output_config: undefined,
      ...expected,
    });
  });
});
