import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest } from '../../chat/request.ts';
import { forwardBytes, forwardRequest } from './forward.ts';
import { inspectRequest } from './inspect.ts';
import { decodeRequest, encodeRequest } from './request.ts';

const base: ChatRequest = {
  model: 'm',
  system: [],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Grüße 👋🏽' }] }],
  tools: [],
  sampling: { maxTokens: 100 },
  stream: false,
};
const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const call = { type: 'toolCall' as const, id: 'call_1', name: 'weather', arguments: '{"city":"Kraków"}' };
const own = { type: 'reasoning' as const, text: 'hm', signature: 'openai:rs_1:enc' };
const weather = { type: 'function' as const, name: 'weather', parameters, strict: true };

describe('requests in openai-responses', () => {
  it.each<[string, Partial<ChatRequest>]>([
    ['text', {}],
    [
      'system texts',
      {
        system: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b', authority: 'developer' },
        ],
      },
    ],
    [
      'tools and a forced choice',
      { tools: [weather], toolChoice: { type: 'tool', name: 'weather' }, parallelToolCalls: false },
    ],
    [
      'a free text tool',
      {
        tools: [{ type: 'custom', name: 'x', format: { type: 'grammar', grammar: { syntax: 'lark' } } }],
        toolChoice: { type: 'tool', name: 'x' },
      },
    ],
    ['a JSON schema', { responseFormat: { type: 'json_schema', name: 'n', schema: parameters, strict: true } }],
    ['an effort', { reasoning: { effort: 'high' } }],
    ['no reasoning', { reasoning: { mode: 'disabled' } }],
    ['a stream', { stream: true, user: 'u', metadata: { a: 'b' } }],
    [
      'calls with reasoning, and their results',
      {
        messages: [
          ...base.messages,
          { role: 'assistant', content: [own, { type: 'text', text: 'I look.' }, call, { ...call, id: 'call_2' }] },
          {
            role: 'tool',
            content: [
              { type: 'toolResult', callId: 'call_1', content: [{ type: 'text', text: 'sun' }] },
              {
                type: 'toolResult',
                callId: 'call_2',
                content: [{ type: 'image', source: { kind: 'url', url: 'https://e.example/a.png' } }],
              },
            ],
          },
          {
            role: 'assistant',
            content: [
              { type: 'reasoning', text: '', redacted: 'openai:rs_2:enc' },
              { type: 'refusal', text: 'No.' },
            ],
          },
        ],
      },
    ],
    [
      'pictures and files',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' }, detail: 'low' },
              {
                type: 'file',
                name: 'a.pdf',
                source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' },
              },
              { type: 'file', source: { kind: 'url', url: 'https://e.example/a.pdf' } },
            ],
          },
        ],
      },
    ],
  ])('[model:wire-round-trip] say %s and read the same back', (_name, part) => {
    const request = { ...base, ...part };
    const { body, unsupported, adjusted } = encodeRequest(request);
    expect({ unsupported, adjusted }).toEqual({ unsupported: [], adjusted: [] });
    expect(body.store).toBe(false);
    const again = JSON.parse(JSON.stringify(body)) as JsonObject;
    expect(decodeRequest(again)).toEqual(request);
    expect(inspectRequest(again).messageCount).toBeGreaterThan(0);
  });

  it.each<[string, Partial<ChatRequest>, string]>([
    ['stop sequences', { stop: ['END'] }, 'stop'],
    ['a seed', { sampling: { seed: 1 } }, 'sampling.seed'],
    ['several answers', { sampling: { n: 2 } }, 'sampling.n'],
    ['penalties', { sampling: { frequencyPenalty: 1 } }, 'sampling.frequencyPenalty'],
    ['a field of another dialect', { extra: { 'openai-chat': { prediction: {} } } }, 'prediction'],
    ['a tool that the gateway runs', { tools: [{ type: 'mcp', serverLabel: 's', definition: {} }] }, 'tools[0]'],
  ])('[model:unsupported-reported] report %s', (_name, part, field) => {
    expect(encodeRequest({ ...base, ...part }).unsupported.map((note) => note.field)).toEqual([field]);
  });

  it('[responses:reasoning] leave out what another provider signed', () => {
    const content = [
      { type: 'reasoning' as const, text: 'hm', signature: 'anthropic' },
      { type: 'text' as const, text: 'a' },
    ];
    const { body, adjusted } = encodeRequest({ ...base, messages: [{ role: 'assistant', content }] });
    expect(body.input).toEqual([{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'a' }] }]);
    expect(adjusted).toHaveLength(1);
  });

  it('keep what chat completions have as well, and tell others of what they have not', () => {
    const body = {
      model: 'm',
      input: 'hi',
      prompt_cache_key: 'k',
      text: { verbosity: 'low' },
      truncation: 'auto',
      include: [],
    };
    expect(decodeRequest(body).extra).toEqual({
      'openai-chat': { prompt_cache_key: 'k', verbosity: 'low' },
      'openai-responses': { truncation: 'auto' },
    });
  });
});

describe('a request that stays in openai-responses', () => {
  const body: JsonObject = {
    model: 'm',
    input: [{ role: 'user', content: 'hi' }],
    previous_response_id: 'resp_1',
    store: true,
    x_future: { deep: [1] },
  };

  it('[responses:forward] keeps its fields but those of state, and asks that nothing be kept', () => {
    expect(forwardRequest(body, { model: 'real' })).toEqual({
      model: 'real',
      input: [{ role: 'user', content: 'hi' }],
      store: false,
      x_future: { deep: [1] },
    });
    expect(forwardRequest(body, {}, { keeps: true }).store).toBe(true);
  });

  it('[responses:forward] keeps the bytes of a client that wants nothing kept', () => {
    const bytes = Buffer.from('{ "model":"m", "store" : false,"input":"hi" }');
    const parsed = JSON.parse(bytes.toString()) as JsonObject;
    expect(forwardBytes(bytes, parsed, { model: 'real' }, {}).toString()).toBe(
      '{ "model":"real", "store" : false,"input":"hi" }',
    );
    const reasons = { encryptsReasoning: () => true };
    expect(JSON.parse(forwardBytes(bytes, parsed, { model: 'o3' }, reasons).toString())).toMatchObject({
      include: ['reasoning.encrypted_content'],
    });
  });

  it('[responses:forward] takes out tools and changes results, and appends the rounds of the gateway', () => {
    const forwarded = forwardRequest(
      {
        ...body,
        tools: [{ type: 'mcp', server_label: 's' }, { type: 'web_search' }],
        tool_choice: { type: 'mcp', server_label: 's', name: 'f' },
        input: [
          { type: 'reasoning', id: 'rs_1', summary: [] },
          { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
          { type: 'function_call_output', call_id: 'c1', output: 'raw' },
        ],
      },
      {
        keepTool: () => false,
        addTools: [{ type: 'function', name: 's__f' }],
        toolResults: new Map([['c1', 'safe']]),
        appendMessages: [{ role: 'assistant', content: [{ ...call, id: 'c2' }] }],
      },
    );
    expect(forwarded.tools).toEqual([
      { type: 'function', name: 's__f', parameters: { type: 'object', properties: {} }, strict: false },
    ]);
    expect(forwarded.tool_choice).toEqual({ type: 'function', name: 's__f' });
    expect(forwarded.input).toEqual([
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c1', output: 'safe' },
      { type: 'function_call', call_id: 'c2', name: 'weather', arguments: '{"city":"Kraków"}' },
    ]);
  });
});
