import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest } from '../../chat/request.ts';
import { frontCodecs } from '../codec.ts';
import { decodeRequest, encodeRequest } from './request.ts';

const base: ChatRequest = {
  model: 'gemini-2.5-flash',
  system: [],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Grüße 👋🏽' }] }],
  tools: [],
  sampling: {},
  stream: false,
};
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = { type: 'function' as const, name: 'weather', description: 'Tells weather', parameters };
const call = { type: 'toolCall' as const, id: 'call_1', name: 'weather', arguments: '{"city":"Kraków"}' };
const said = (...content: object[]) => ({ messages: [{ role: 'user' as const, content }] }) as Partial<ChatRequest>;

const sayable: [string, Partial<ChatRequest>][] = [
  ['text', {}],
  [
    'system text',
    {
      system: [
        { type: 'text', text: 'Be brief.' },
        { type: 'text', text: 'Be kind.' },
      ],
    },
  ],
  [
    'an image as data',
    said({ type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'iVBORw0KGgo=' } }),
  ],
  [
    'a file as data',
    said({ type: 'file', name: 'a.pdf', source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' } }),
  ],
  ['a file by URL', said({ type: 'file', source: { kind: 'url', url: 'https://example.com/a.pdf' } })],
  ['tools and a forced choice', { tools: [weather], toolChoice: { type: 'tool', name: 'weather' } }],
  [
    'a choice among tools',
    {
      tools: [weather, { ...weather, name: 'b' }, { ...weather, name: 'c' }],
      toolChoice: { type: 'allowed', mode: 'required', names: ['weather', 'b'] },
    },
  ],
  ['a demanded call', { tools: [weather], toolChoice: { type: 'required' } }],
  ['a forbidden call', { tools: [weather], toolChoice: { type: 'none' } }],
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
            { type: 'toolResult', callId: 'call_2', content: [{ type: 'text', text: 'no such city' }], isError: true },
          ],
        },
        { role: 'user', content: [{ type: 'text', text: 'thanks' }] },
      ],
    },
  ],
  ['a JSON schema', { responseFormat: { type: 'json_schema', schema: parameters } }],
  ['JSON without a schema', { responseFormat: { type: 'json_object' } }],
  ['stop sequences', { stop: ['END', '\n\n'] }],
  [
    'sampling',
    { sampling: { maxTokens: 5, temperature: 0.5, topP: 0.9, topK: 3, seed: 7, n: 2, frequencyPenalty: 1 } },
  ],
  ['no reasoning', { reasoning: { mode: 'disabled' } }],
  ['a budget to reason', { reasoning: { mode: 'enabled', budgetTokens: 2048 } }],
];

/** The request as a client would send it: with the model that stands in its path. */
const sent = (body: JsonObject) => JSON.parse(JSON.stringify({ ...body, model: base.model })) as JsonObject;

describe('requests of generateContent', () => {
  it.each(sayable)('[model:gemini-requests] say %s and read the same back', (_name, part) => {
    const request: ChatRequest = { ...base, ...part };
    const { body, unsupported, adjusted } = encodeRequest(request);
    expect({ unsupported, adjusted }).toEqual({ unsupported: [], adjusted: [] });
    expect('model' in body || 'stream' in body).toBe(false);
    expect(decodeRequest(sent(body))).toEqual(request);
  });

  it('[model:gemini-requests] keep unknown fields for the same dialect and report them for others', () => {
    const body = {
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      generationConfig: { mediaResolution: 'MEDIA_RESOLUTION_LOW' },
    };
    const request = decodeRequest(sent(body));
    expect(encodeRequest(request).body).toEqual(body);
    const reason = { reason: expect.stringContaining('only') };
    expect(encodeRequest({ ...base, extra: { 'openai-chat': { x_future: 1 } } }).unsupported).toMatchObject([
      { field: 'x_future', ...reason },
    ]);
    for (const dialect of ['openai-chat', 'anthropic-messages'] as const) {
      expect(frontCodecs[dialect].encodeRequest(request).unsupported.map(({ field }) => field)).toEqual([
        'safetySettings',
        'generationConfig',
      ]);
    }
  });

  it('[model:gemini-idle] refuse elsewhere what is asked for, and nothing that asks for nothing', () => {
    const lost = (generationConfig: object, more: object = {}) => {
      const body = { contents: [{ role: 'user', parts: [{ text: 'hi' }] }], generationConfig, ...more };
      return frontCodecs['anthropic-messages']
        .encodeRequest(decodeRequest(sent(body as JsonObject)))
        .unsupported.map(({ field }) => field);
    };
    expect(lost({ responseModalities: ['TEXT'] }, { safetySettings: [] })).toEqual([]);
    expect(lost({ response_modalities: ['text'] })).toEqual([]);
    expect(lost({ responseModalities: ['TEXT', 'IMAGE'] })).toEqual(['generationConfig']);
    expect(lost({ responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: ['a'] } })).toEqual([
      'generationConfig',
    ]);
    const anyOf = (allowedFunctionNames: string[], offered: string[]) => ({
      tools: [{ functionDeclarations: offered.map((name) => ({ name })) }],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames } },
    });
    expect(lost({}, anyOf(['a', 'b'], ['b', 'a']))).toEqual([]);
    expect(lost({}, anyOf(['a', 'b'], ['a', 'b', 'c']))).toEqual(['toolChoice']);
  });

  it.each<[string, Partial<ChatRequest>, string]>([
    ['a bias', { sampling: { logitBias: { 5: 1 } } }, 'sampling.logitBias'],
    ['one call at a time', { parallelToolCalls: false }, 'parallelToolCalls'],
    ['free text tools', { tools: [{ type: 'custom', name: 'x' }] }, 'tools[0]'],
    ['a tool that the gateway runs', { tools: [{ type: 'mcp', serverLabel: 's', definition: {} }] }, 'tools[0]'],
    [
      'a result of no call',
      { messages: [{ role: 'tool', content: [{ type: 'toolResult', callId: 'x', content: [] }] }] },
      'messages[0].content[0]',
    ],
    [
      'arguments that are not JSON',
      { messages: [{ role: 'assistant', content: [{ ...call, arguments: '{"city":' }] }] },
      'messages[0].content[0].arguments',
    ],
  ])('[model:gemini-requests] report what they cannot say: %s', (_name, part, field) => {
    expect(encodeRequest({ ...base, ...part }).unsupported.map((note) => note.field)).toEqual([field]);
  });

  it.each<[string, string, JsonObject]>([
    ['gemini-2.5-flash', 'high', { thinkingBudget: 16_384, includeThoughts: true }],
    ['gemini-3-pro', 'high', { thinkingLevel: 'high', includeThoughts: true }],
    ['models/gemini-3-flash', 'max', { thinkingLevel: 'high', includeThoughts: true }],
  ])('[model:gemini-requests] tell %s an effort in its own words', (model, effort, expected) => {
    const { body } = encodeRequest({ ...base, model, reasoning: { effort } });
    expect(body.generationConfig).toEqual({ thinkingConfig: expected });
  });

  it('[model:gemini-requests] read schemas of OpenAPI as JSON Schema', () => {
    const schema = {
      type: 'OBJECT',
      properties: {
        tags: { type: 'ARRAY', items: { type: 'STRING', maxLength: '9' } },
        type: { type: 'STRING', nullable: true },
      },
      propertyOrdering: ['tags'],
    };
    const tools = [{ function_declarations: [{ name: 'f', parameters: schema }] }];
    expect(decodeRequest(sent({ contents: [], tools })).tools).toEqual([
      {
        type: 'function',
        name: 'f',
        parameters: {
          type: 'object',
          properties: {
            tags: { type: 'array', items: { type: 'string', maxLength: 9 } },
            type: { type: ['string', 'null'] },
          },
        },
      },
    ]);
  });

  it('[model:gemini-requests] take one tool that must be called for a form that is filled in once', () => {
    const one = { ...base, tools: [weather], parallelToolCalls: false };
    expect(encodeRequest({ ...one, toolChoice: { type: 'required' } })).toMatchObject({
      unsupported: [],
      adjusted: [{ field: 'parallelToolCalls' }],
    });
    expect(encodeRequest({ ...one, toolChoice: { type: 'auto' } }).unsupported).toMatchObject([
      { field: 'parallelToolCalls' },
    ]);
  });

  it('[model:gemini-signatures] carry Gemini’s own signature on the part after the thoughts, and no other', () => {
    const own = { type: 'reasoning' as const, text: 'hm', signature: 'gemini:c2ln' };
    const foreign = { type: 'reasoning' as const, text: 'hm', signature: 'from-elsewhere' };
    const parts = (block: typeof own, model: string) => {
      const messages: ChatRequest['messages'] = [{ role: 'assistant', content: [block, call] }];
      return (encodeRequest({ ...base, model, messages }).body.contents as { parts: JsonObject[] }[])[0]?.parts;
    };
    expect(parts(own, 'gemini-3-pro')).toMatchObject([{ functionCall: { name: 'weather' }, thoughtSignature: 'c2ln' }]);
    expect(parts(foreign, 'gemini-3-pro')).toMatchObject([{ thoughtSignature: 'skip_thought_signature_validator' }]);
    expect(parts(foreign, 'gemini-2.5-pro')?.[0]).not.toHaveProperty('thoughtSignature');
    // A person was asked between the thoughts and the call.
    const apart: ChatRequest['messages'] = [
      { role: 'assistant', content: [own] },
      { role: 'assistant', content: [call] },
    ];
    expect(encodeRequest({ ...base, messages: apart }).body.contents).toMatchObject([
      { role: 'model', parts: [{ functionCall: { name: 'weather' }, thoughtSignature: 'c2ln' }] },
    ]);
    const messages: ChatRequest['messages'] = [{ role: 'assistant', content: [own, { type: 'text', text: 'a' }] }];
    const anthropic = frontCodecs['anthropic-messages'].encodeRequest({ ...base, messages });
    expect(anthropic.body.messages).toEqual([{ role: 'assistant', content: 'a' }]);
    expect(anthropic.adjusted).toHaveLength(2);
  });
});
