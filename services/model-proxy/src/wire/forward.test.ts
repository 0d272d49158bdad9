import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject, Message } from '../chat/message.ts';
import { forwardBytes, frontCodecs } from './codec.ts';
import type { RequestChanges } from './forward.ts';
import { spliceBody } from './splice.ts';

const openaiBody: JsonObject = {
  model: 'public',
  x_future: { a: 1 },
  stream: true,
  stream_options: { include_obfuscation: false },
  messages: [
    { role: 'user', content: 'hi', x_note: 1 },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'read', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'c1', content: 'raw' },
  ],
  tools: [
    { type: 'function', function: { name: 'read', x_hint: true } },
    { type: 'function', function: { name: 'rm' } },
    { type: 'mcp', server_label: 'crm', require_approval: 'never' },
    { type: 'web_search_preview' },
  ],
  tool_choice: { type: 'function', function: { name: 'rm' } },
  web_search_options: {},
};

const anthropicBody: JsonObject = {
  model: 'public',
  max_tokens: 10,
  x_future: { a: 1 },
  system: 'You are kind.',
  messages: [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'read', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'raw', x_note: 1 }] },
  ],
  tools: [
    { name: 'read', input_schema: { type: 'object' }, x_hint: true },
    { name: 'rm', input_schema: { type: 'object' } },
    { type: 'web_search_20250305', name: 'web_search' },
    { type: 'bash_20250124', name: 'bash' },
  ],
  mcp_servers: [{ type: 'url', url: 'https://e.com', name: 's' }],
  container: { id: 'container_1', skills: [{ type: 'anthropic', skill_id: 'xlsx' }] },
  tool_choice: { type: 'tool', name: 'rm' },
};

const round: Message[] = [
  { role: 'assistant', content: [{ type: 'toolCall', id: 'c2', name: 'read', arguments: '{"a":1}' }] },
  { role: 'tool', content: [{ type: 'toolResult', callId: 'c2', content: [{ type: 'text', text: 'no' }] }] },
];

describe('a request forwarded in its dialect', () => {
  it.each([
    ['openai-chat', openaiBody],
    ['anthropic-messages', anthropicBody],
  ] as const)('[model:forward-least-change] keeps everything of %s but the model', (dialect, body) => {
    const before = JSON.stringify(body);
    expect(frontCodecs[dialect].forwardRequest(body, { model: 'real' })).toEqual({ ...body, model: 'real' });
    expect(JSON.stringify(body)).toBe(before);
  });

  it('[model:hide-tools] takes hidden tools out of OpenAI bodies, and the choice that names one', () => {
    const forwarded = frontCodecs['openai-chat'].forwardRequest(openaiBody, {
      keepTool: (tool) => tool.type === 'function' && tool.name !== 'rm',
      addTools: [{ type: 'function', name: 'crm_find', parameters: { type: 'object' } }],
      streamUsage: true,
    });
    expect(forwarded.tools).toEqual([
      { type: 'function', function: { name: 'read', x_hint: true } },
      { type: 'function', function: { name: 'crm_find', parameters: { type: 'object' } } },
    ]);
    expect(forwarded).not.toHaveProperty('tool_choice');
    expect(forwarded).not.toHaveProperty('web_search_options');
    expect(forwarded.stream_options).toEqual({ include_obfuscation: false, include_usage: true });
  });

  it('[model:hide-tools] takes hidden tools, servers and skills out of Anthropic bodies', () => {
    const forwarded = frontCodecs['anthropic-messages'].forwardRequest(anthropicBody, {
      keepTool: (tool) => tool.type === 'function' && tool.name !== 'rm',
    });
    expect(forwarded.tools).toEqual([{ name: 'read', input_schema: { type: 'object' }, x_hint: true }]);
    for (const field of ['tool_choice', 'mcp_servers']) expect(forwarded).not.toHaveProperty(field);
    expect(forwarded.container).toEqual({ id: 'container_1' });
  });

  it('leaves no tools fields where every tool is hidden', () => {
    const forwarded = frontCodecs['openai-chat'].forwardRequest(openaiBody, { keepTool: () => false });
    for (const field of ['tools', 'tool_choice']) expect(forwarded).not.toHaveProperty(field);
  });

  it('replaces tool results, puts instructions first and messages last', () => {
    const changes = { prependSystem: ['Mind the gap.'], toolResults: new Map([['c1', 'safe']]), appendMessages: round };
    const openai = frontCodecs['openai-chat'].forwardRequest(openaiBody, changes).messages as JsonObject[];
    expect(openai[0]).toEqual({ role: 'system', content: 'Mind the gap.' });
    expect(openai[1]).toEqual({ role: 'user', content: 'hi', x_note: 1 });
    expect(openai[3]).toEqual({ role: 'tool', tool_call_id: 'c1', content: 'safe' });
    expect(openai.at(-1)).toEqual({ role: 'tool', tool_call_id: 'c2', content: 'no' });
    const anthropic = frontCodecs['anthropic-messages'].forwardRequest(anthropicBody, changes);
    expect(anthropic.system).toEqual([
      { type: 'text', text: 'Mind the gap.' },
      { type: 'text', text: 'You are kind.' },
    ]);
    const messages = anthropic.messages as JsonObject[];
    expect(messages[2]).toEqual({
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'safe', x_note: 1 }],
    });
    expect(messages.at(-2)).toMatchObject({ content: [{ type: 'tool_use', id: 'c2', input: { a: 1 } }] });
  });
});

describe('the bytes of a forwarded request', () => {
  const text = '{"model": "a", "stream": true, "big": 12345678901234567890, "messages": []}';
  const forward = (wire: 'openai-chat' | 'anthropic-messages', changes: RequestChanges) =>
    forwardBytes({ wire, quirks: {} }, Buffer.from(text), JSON.parse(text) as JsonObject, changes).toString();

  it("[model:forward-bytes] are the client's own but for what changes", () => {
    expect(forward('openai-chat', {})).toBe(text);
    expect(forward('openai-chat', { model: 'b' })).toBe(text.replace('"a"', '"b"'));
    expect(forward('anthropic-messages', { model: 'b', streamUsage: true })).toBe(text.replace('"a"', '"b"'));
    expect(forward('openai-chat', { streamUsage: true })).toBe(
      text.replace('{', '{"stream_options":{"include_usage":true},'),
    );
  });

  it('are written anew where more changes', () => {
    expect(JSON.parse(forward('openai-chat', { model: 'b', maxTokens: 5 }))).toMatchObject({
      model: 'b',
      max_completion_tokens: 5,
    });
  });
});

describe('the inspection of a request', () => {
  it('[model:provider-tools-seen] finds every tool of an OpenAI body, wherever it is declared', () => {
    const { tools, toolResults, assistant } = frontCodecs['openai-chat'].inspect(openaiBody);
    expect(tools.map((tool) => (tool.type === 'provider' ? tool.kind : tool.type))).toEqual([
      'function',
      'function',
      'mcp',
      'web_search_preview',
      'web_search',
    ]);
    expect(toolResults).toMatchObject([{ callId: 'c1', texts: ['raw'] }]);
    expect(assistant[0]!.toolCalls).toMatchObject([{ id: 'c1', name: 'read', arguments: '{}' }]);
  });

  it('[model:provider-tools-seen] finds every tool of an Anthropic body, and who runs it', () => {
    const facts = frontCodecs['anthropic-messages'].inspect(anthropicBody);
    expect(facts.tools.flatMap((tool) => (tool.type === 'provider' ? [[tool.kind, tool.runBy]] : []))).toEqual([
      ['web_search_20250305', 'provider'],
      ['bash_20250124', 'client'],
      ['mcp_server', 'provider'],
      ['container_skills', 'provider'],
    ]);
    expect(facts.providerIds).toEqual([{ field: 'container', id: 'container_1' }]);
    expect(facts.texts).toMatchObject([
      { role: 'system', message: -1 },
      { role: 'user', message: 0 },
    ]);
  });

  it('[model:fetched-urls-seen] tells which URLs the provider would fetch', () => {
    const content = [
      { type: 'image_url', image_url: { url: 'https://evil.example/?q=1' } },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
    ];
    const { attachments } = frontCodecs['openai-chat'].inspect({ model: 'm', messages: [{ role: 'user', content }] });
    expect(attachments.map(({ url }) => url)).toEqual(['https://evil.example/?q=1', undefined]);
  });
});

describe('the splice of a body', () => {
  const splice = (text: string, changes: { model?: string; streamUsage?: boolean }) =>
    spliceBody(Buffer.from(text), changes, JSON.parse(text) as JsonObject)?.toString();

  it.each([
    ['{"model":"a","messages":[]}', '{"model":"ü\\"b","messages":[]}'],
    [' { "stream" : true , "model" : "a\\"" } ', ' { "stream" : true , "model" : "ü\\"b" } '],
    ['{"user":"\\"model\\":","model":"a"}', '{"user":"\\"model\\":","model":"ü\\"b"}'],
  ])('changes the model of %s and nothing else', (text, expected) => {
    expect(splice(text, { model: 'ü"b' })).toBe(expected);
  });

  it('adds the wish for usage to streams that have no options', () => {
    expect(splice('{"model":"a","stream":true}', { streamUsage: true })).toBe(
      '{"stream_options":{"include_usage":true},"model":"a","stream":true}',
    );
    expect(splice('{"model":"a","stream":true,"stream_options":{"x":1}}', { streamUsage: true })).toBeUndefined();
  });

  it('gives up where a value before the model is not a scalar', () => {
    expect(splice('{"messages":[{"model":"x"}],"model":"a"}', { model: 'b' })).toBeUndefined();
  });

  it('[model:splice-equals-forward] writes what forwarding would, or gives up', () => {
    const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    const bodies = fc.dictionary(fc.string(), fc.oneof(scalar, fc.array(scalar)), { maxKeys: 4 });
    fc.assert(
      fc.property(
        bodies,
        fc.string(),
        fc.string({ minLength: 1 }),
        fc.boolean(),
        fc.boolean(),
        (other, model, next, first, stream) => {
          const body: JsonObject = first ? { model, ...other, stream } : { ...other, model, stream };
          body.model = model;
          delete body.stream_options;
          const text = JSON.stringify(body);
          const spliced = spliceBody(Buffer.from(text), { model: next, streamUsage: true }, body);
          if (!spliced) return;
          const wanted = frontCodecs['openai-chat'].forwardRequest(body, { model: next, streamUsage: true });
          expect(JSON.parse(spliced.toString())).toEqual(wanted);
        },
      ),
    );
  });
});
