import { describe, expect, it } from '@jest/globals';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import { turnOf } from '../turn/testing.ts';
import { lacking, needsOf } from './capability.ts';

const needs = (body: JsonObject, dialect: FrontDialect = 'openai-chat') => {
  const { facts, body: whole, bytes } = turnOf({ dialect, body });
  return needsOf(facts, whole, bytes.length);
};
const openai = [{ type: 'function', function: { name: 'f' } }];
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };

describe('what a request needs of a target', () => {
  it.each<[string, JsonObject, FrontDialect, object]>([
    ['nothing', {}, 'openai-chat', { leastTokens: expect.any(Number) }],
    ['a tool', { tools: openai }, 'openai-chat', { tools: true }],
    ['a certain tool', { tools: openai, tool_choice: 'required' }, 'openai-chat', { tools: true, toolChoice: true }],
    [
      'a schema',
      { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: {} } } },
      'openai-chat',
      { jsonSchema: true },
    ],
    [
      'several answers, their odds and a seed',
      { n: 2, logprobs: true, seed: 1 },
      'openai-chat',
      { severalAnswers: true, logprobs: true, seed: true },
    ],
    ['a stream', { stream: true }, 'openai-chat', { streaming: true }],
    [
      'a picture',
      { messages: [{ role: 'user', content: [image] }] },
      'openai-chat',
      { input: new Set(['image']), leastTokens: 0 },
    ],
    [
      'a certain tool of a Messages client',
      { tools: [{ name: 'f', input_schema: { type: 'object' } }], tool_choice: { type: 'any' } },
      'anthropic-messages',
      { tools: true, toolChoice: true },
    ],
  ])('[routing:capability] %s', (_what, body, dialect, wanted) => {
    expect(needs(body, dialect)).toMatchObject(wanted);
  });

  it('[routing:capability] a schema of a Gemini client is seen', () => {
    const { facts, bytes } = turnOf();
    const body = {
      generationConfig: { responseSchema: { type: 'OBJECT' } },
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
    };
    expect(needsOf({ ...facts, tools: needsTool() }, body, bytes.length)).toMatchObject({
      jsonSchema: true,
      toolChoice: true,
    });
  });

  it('[routing:capability] what is unknown a target may; what it is known to lack is named by its field', () => {
    const all = needs({ tools: openai, n: 2, seed: 1, messages: [{ role: 'user', content: [image] }] });
    expect(lacking({}, all, false)).toEqual([]);
    expect(lacking({ tools: false, severalAnswers: true, seed: false, input: new Set(['text']) }, all, false)).toEqual([
      'tools',
      'seed',
      'image',
    ]);
    expect(lacking({ tools: false, seed: false }, all, true)).toEqual(['tools']);
    const long = needs({ messages: [{ role: 'user', content: 'x'.repeat(9_000) }] });
    expect([lacking({ contextTokens: 1_000 }, long, false), lacking({ contextTokens: 2_000 }, long, false)]).toEqual([
      ['context'],
      [],
    ]);
  });
});

function needsTool() {
  return turnOf({ body: { tools: openai } }).facts.tools;
}
