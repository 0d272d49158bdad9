import { describe, expect, it } from '@jest/globals';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import type { Tool } from '../chat/tools.ts';
import { modelOf, providerOf, turnOf } from '../turn/testing.ts';
import type { Turn } from '../turn/turn.ts';
import { upstreamBody } from './upstream-body.ts';

const openai = providerOf('openai-compatible', 'first');
const anthropic = providerOf('anthropic-compatible', 'second');
const written = (turn: Turn, at: 0 | 1, tools: readonly Tool[]) => {
  const target = turn.model.targets[at];
  if (!target) throw new Error('no target');
  return JSON.parse(upstreamBody(turn, target, tools).toString()) as JsonObject;
};
const begun = (dialect: FrontDialect, body: JsonObject) =>
  turnOf({ dialect, body, model: modelOf([openai, anthropic]) });
const fn = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object' } } });
const named = (turn: Turn, ...names: string[]) =>
  (turn.request?.tools ?? []).filter(
    (tool) => tool.type !== 'mcp' && names.includes(tool.type === 'provider' ? tool.kind : tool.name),
  );

describe('the body for a provider', () => {
  it("[turn:body-plain] keeps the client's bytes but for the name of the model", () => {
    const turn = begun('openai-chat', { made_up: { deep: [1] } });
    expect(written(turn, 0, [])).toEqual({ ...turn.body, model: 'first-model' });
  });

  it.each([
    ['litellm', 'metadata', {}],
    ['openrouter', 'trace', { trace: { tags: 'paid' } }],
    ['portkey', 'metadata', {}],
    ['sallyport', 'metadata', {}],
  ])(
    '[providers:attribution-only] tells %s of who asks what is declared, never what a client wrote',
    (type, field, told) => {
      const plain = providerOf(type, 'gateway');
      const declared = { ...plain, spec: { ...plain.spec, attribution: ['Tags'] as never } };
      const body = { [field]: { tags: ['mine'], trace_id: 'run-1' }, session_id: 'run-1' };
      const init = { body, principal: { tags: ['paid'] } };
      const left = written(turnOf({ ...init, model: modelOf([plain]) }), 0, []);
      expect(JSON.stringify(left)).not.toMatch(/mine|"trace/);
      const opted = written(turnOf({ ...init, model: modelOf([declared]) }), 0, []);
      expect(JSON.stringify(opted)).not.toMatch(/mine|run-1.*trace/);
      expect(opted).toMatchObject(told);
    },
  );

  it('[providers:attribution-only] leaves metadata to a provider that is no gateway', () => {
    const metadata = { tags: 'mine' };
    expect(written(begun('openai-chat', { metadata }), 0, [])).toMatchObject({ metadata });
  });

  it.each([
    ['openai-chat', 0],
    ['openai-chat', 1],
  ] as const)('[turn:body-hidden] %s leaves hidden tools out, and a choice that names one', (dialect, at) => {
    const turn = begun(dialect, {
      tools: [fn('seen'), fn('hidden')],
      tool_choice: { type: 'function', function: { name: 'hidden' } },
    });
    const body = written(turn, at, named(turn, 'seen'));
    expect(JSON.stringify(body)).toContain('seen');
    expect(JSON.stringify(body)).not.toContain('"hidden"');
    expect(body.tool_choice).toBeUndefined();
  });

  it('[turn:body-stubs] gives Anthropic stubs for a history whose tools are all hidden, not to be chosen', () => {
    const history = [
      { role: 'user', content: 'go' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'gone', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'x' }] },
    ];
    const tools = [{ name: 'gone', description: 'SECRET', input_schema: { type: 'object' } }];
    const turn = begun('anthropic-messages', { tools, messages: history });
    const body = written(turn, 1, []);
    expect(body).toMatchObject({ tools: [{ name: 'gone' }], tool_choice: { type: 'none' } });
    expect(JSON.stringify(body)).not.toContain('SECRET');
    expect(written(turn, 0, []).tools).toBeUndefined();
  });

  it('[turn:body-provider-tool] a tool that one provider runs is not handed to another', () => {
    const turn = begun('openai-chat', { tools: [{ type: 'web_search' }, fn('f')] });
    const ref = { kind: ToolRef_Kind.PROVIDER, owner: 'first', name: 'web_search' } as never;
    turn.tools.set('web_search', { name: 'web_search', runBy: 'provider', toolClass: 'egress', ref });
    const tools = named(turn, 'web_search', 'f');
    expect(written(turn, 0, tools).tools).toHaveLength(2);
    expect(JSON.stringify(written(turn, 1, tools))).not.toContain('web_search');
  });

  it("[turn:body-results] puts changed results and the gateway's own rounds in, in both forms", () => {
    const turn = begun('openai-chat', {
      tools: [fn('f')],
      messages: [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'CANARY' },
      ],
    });
    for (const message of turn.request?.messages ?? []) {
      if (message.role === 'tool')
        for (const block of message.content) block.content = [{ type: 'text', text: 'typed' }];
    }
    turn.changedResults.set('c', 'typed');
    turn.appended.push({ role: 'assistant', content: [{ type: 'text', text: 'APPENDED' }] });
    for (const at of [0, 1] as const) {
      const text = JSON.stringify(written(turn, at, named(turn, 'f')));
      expect(text).not.toContain('CANARY');
      expect(text).toContain('APPENDED');
    }
  });

  it('[turn:body-choice] a forced choice is not kept up after the first round', () => {
    const turn = begun('openai-chat', { tools: [fn('f')], tool_choice: 'required' });
    const tools = named(turn, 'f');
    expect(written(turn, 0, tools).tool_choice).toBe('required');
    turn.appended.push({ role: 'assistant', content: [{ type: 'text', text: 'x' }] });
    expect(written(turn, 0, tools).tool_choice).toBeUndefined();
    expect(written(turn, 1, tools).tool_choice).toEqual({ type: 'auto' });
  });

  it("[turn:body-limit] lowers the limit of output tokens to the Model's", () => {
    const turn = turnOf({ body: { max_tokens: 9_000 }, model: modelOf([openai, anthropic], { maxOutputTokens: 50 }) });
    expect(written(turn, 0, []).max_tokens).toBe(50);
    expect(written(turn, 1, []).max_tokens).toBe(50);
  });
});
