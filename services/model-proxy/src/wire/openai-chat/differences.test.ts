import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../chat/message.ts';
import { openaiChat } from './codec.ts';
import { adaptBody, type Differences } from './differences.ts';
import type { OpenAiChatQuirks } from './request.ts';

const asked: JsonObject = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
const adapted = (fields: JsonObject, differences: Differences) => {
  const { body, unsupported } = adaptBody({ ...asked, ...fields }, differences);
  const { model: _model, messages, ...rest } = body;
  return { rest, messages, unsupported: unsupported.map(({ field }) => field) };
};
const forwarded = (fields: JsonObject, quirks: OpenAiChatQuirks): JsonObject => {
  const body = { ...asked, ...fields };
  const bytes = openaiChat.forwardBytes(
    Buffer.from(JSON.stringify(body)),
    body,
    { model: 'x', streamUsage: true },
    quirks,
  );
  return JSON.parse(bytes.toString()) as JsonObject;
};

describe('a request for a provider that differs', () => {
  it.each<[string, JsonObject, Differences, JsonObject, string[]]>([
    ['a field that it lacks', { logprobs: true }, { lacks: ['logprobs'] }, {}, ['logprobs']],
    ['a lacked field that asks for nothing', { logprobs: false, n: 1 }, { lacks: ['logprobs', 'n'] }, {}, []],
    ['several answers', { n: 2 }, { lacks: ['n'] }, {}, ['n']],
    [
      'one call at a time',
      { parallel_tool_calls: false },
      { lacks: ['parallel_tool_calls'] },
      {},
      ['parallel_tool_calls'],
    ],
    ['a field that it may not get', { store: true }, { drops: ['store'] }, {}, []],
    ['calls as they come', { parallel_tool_calls: true }, { lacks: ['parallel_tool_calls'] }, {}, []],
    ['another model of the client', { models: ['dear'] }, { withheld: ['models'] }, {}, []],
    ['another name', { seed: 4 }, { renames: { seed: 'random_seed' } }, { random_seed: 4 }, []],
    ['both names', { seed: 4, random_seed: 5 }, { renames: { seed: 'random_seed' } }, { random_seed: 5 }, []],
    ['too many stops', { stop: ['a', 'b'] }, { maxStops: 1 }, { stop: ['a'] }, ['stop']],
    ['a choice of tool that it lacks', { tool_choice: 'required' }, { toolChoices: ['auto'] }, {}, ['tool_choice']],
    [
      'a schema',
      { response_format: { type: 'json_schema' } },
      { lacksJsonSchema: true },
      { response_format: { type: 'json_object' } },
      ['response_format'],
    ],
    ['an effort', { reasoning_effort: 'high' }, { reasoning: 'reasoning' }, { reasoning: { effort: 'high' } }, []],
    [
      'both ways to say it',
      { reasoning_effort: 'low', reasoning: { max_tokens: 9 } },
      { reasoning: 'reasoning' },
      { reasoning: { max_tokens: 9 } },
      [],
    ],
    [
      'an effort beside a switch',
      { reasoning_effort: 'high' },
      { reasoning: 'thinking' },
      { thinking: { type: 'enabled' }, reasoning_effort: 'high' },
      [],
    ],
    ['no reasoning', { reasoning_effort: 'none' }, { reasoning: 'thinking' }, { thinking: { type: 'disabled' } }, []],
    ['no reasoning', { reasoning_effort: 'none' }, { reasoning: 'enable_thinking' }, { enable_thinking: false }, []],
  ])('[providers:differences] %s: %j for %j goes as %j', (_what, fields, differences, rest, unsupported) => {
    expect(adapted(fields, differences)).toMatchObject({ rest, unsupported });
    expect(Object.keys(adapted(fields, differences).rest)).toEqual(Object.keys(rest));
  });

  it('[providers:differences] has messages as the provider takes them', () => {
    const messages = [
      {
        role: 'user',
        name: 'ann',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      { role: 'assistant', content: null, tool_calls: [] },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a.example' } }] },
    ];
    const result = adapted({ messages }, { lacksNames: true, plainText: 'messages', lacksNullContent: true }).messages;
    expect(result).toEqual([
      { role: 'user', content: 'a\nb' },
      { role: 'assistant', content: '', tool_calls: [] },
      messages[2],
    ]);
    expect(adapted({ messages: [messages[2]] }, { lacksNames: true }).messages).toEqual([messages[2]]);
  });

  it('[providers:differences] is forwarded in its bytes where nothing of it differs', () => {
    const differs: Differences = { lacks: ['logprobs'], drops: ['stream_options'] };
    expect(forwarded({ made_up: 1 }, { differs })).toEqual({ ...asked, model: 'x', made_up: 1 });
    expect(forwarded({ stream: true, stream_options: { include_usage: true } }, { differs })).toEqual({
      ...asked,
      model: 'x',
      stream: true,
    });
    expect(forwarded({ stream: true }, {})).toMatchObject({ stream_options: { include_usage: true } });
    expect(openaiChat.unsupportedOf?.({ ...asked, logprobs: true }, { differs })).toHaveLength(1);
    expect(openaiChat.unsupportedOf?.({ ...asked, logprobs: true }, {})).toEqual([]);
  });

  it('[providers:differences] searches that are switched on by a field are tools that a provider runs', () => {
    const fields = { enable_search: true, search_parameters: { mode: 'auto' } };
    const { tools } = openaiChat.inspect({ ...asked, ...fields });
    expect(tools).toMatchObject([
      { kind: 'web_search', runBy: 'provider' },
      { kind: 'live_search', runBy: 'provider' },
    ]);
    const body = { ...asked, ...fields };
    const kept = openaiChat.forwardRequest(body, { keepTool: () => false });
    expect(kept).toEqual(asked);
    const neutral = openaiChat.decodeRequest(body);
    expect(openaiChat.encodeRequest(neutral).body).toEqual(body);
    expect(openaiChat.inspect({ ...asked, search_parameters: { mode: 'off' } }).tools).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['web_search_options', true],
    ['web_search_options', []],
    ['search_parameters', 'auto'],
    ['plugins', ['plugin_web_search']],
    ['plugins', { id: 'web' }],
    ['data_sources', 'x'],
  ])('[providers:differences] a search that cannot be read is refused, not forwarded: %s %j', (field, value) => {
    expect(() => openaiChat.inspect({ ...asked, [field]: value })).toThrow(expect.objectContaining({ path: field }));
  });

  it('[providers:differences] sources that a provider asks by itself are a tool, and hidden like one', () => {
    const body = {
      ...asked,
      data_sources: [{ type: 'azure_search', parameters: { endpoint: 'https://evil.example' } }],
    };
    expect(openaiChat.inspect(body).tools).toMatchObject([{ kind: 'data_sources', runBy: 'provider' }]);
    expect(openaiChat.forwardRequest(body, { keepTool: () => false })).toEqual(asked);
    expect(openaiChat.forwardRequest(body, { keepTool: () => true })).toEqual(body);
    expect(openaiChat.encodeRequest(openaiChat.decodeRequest(body)).body).toEqual(body);
  });

  it('[providers:differences] says a wish for reasoning of another dialect as far as it has words, and notes the rest', () => {
    const request = { ...openaiChat.decodeRequest(asked), reasoning: { mode: 'enabled' as const, budgetTokens: 900 } };
    const said = (reasoning: NonNullable<Differences['reasoning']>) => {
      const { body, adjusted } = openaiChat.encodeRequest(request, { differs: { reasoning } });
      const { model: _model, messages: _messages, ...rest } = body;
      return [rest, adjusted.map(({ field }) => field)];
    };
    expect(said('reasoning')).toEqual([{ reasoning: { max_tokens: 900 } }, []]);
    expect(said('enable_thinking')).toEqual([{ enable_thinking: true, thinking_budget: 900 }, []]);
    expect(said('thinking')).toEqual([{ thinking: { type: 'enabled' } }, ['reasoning.budgetTokens']]);
    expect(said('adaptiveThinking')).toEqual([{ thinking: { type: 'adaptive' } }, ['reasoning.budgetTokens']]);
  });
});
