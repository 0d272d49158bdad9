import { describe, expect, it } from '@jest/globals';
import { DecodeError } from '../../chat/failure.ts';
import type { JsonObject } from '../../chat/message.ts';
import { inspectRequest } from './inspect.ts';

const hi = { role: 'user', content: 'hi' };
const called = { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' };
const inspect = (body: JsonObject) => inspectRequest({ model: 'm', input: [hi], ...body });

function faultOf(body: JsonObject): string | undefined {
  try {
    inspect(body);
  } catch (error) {
    if (error instanceof DecodeError) return error.path;
    throw error;
  }
  return undefined;
}

describe('a request of the Responses API', () => {
  it.each<[string, JsonObject, string]>([
    ['no model', { model: '' }, 'model'],
    ['no input', { input: undefined }, 'input'],
    ['an empty input', { input: [] }, 'input'],
    ['an item that is null', { input: [null] }, 'input[0]'],
    ['an item without a type', { input: [{ call_id: 'c' }] }, 'input[0].type'],
    ['a role that there is not', { input: [{ role: 'tool', content: '' }] }, 'input[0].role'],
    ['content that is a number', { input: [{ role: 'user', content: 1 }] }, 'input[0].content'],
    [
      'text that is a number',
      { input: [{ role: 'user', content: [{ type: 'input_text', text: 1 }] }] },
      'input[0].content[0].text',
    ],
    [
      'an image of nothing',
      { input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
      'input[0].content[0].image_url',
    ],
    [
      'a picture that the assistant said',
      { input: [{ role: 'assistant', content: [{ type: 'input_image' }] }] },
      'input[0].content[0]',
    ],
    ['a call without arguments', { input: [{ ...called, arguments: {} }] }, 'input[0].arguments'],
    ['a call without an id', { input: [{ ...called, call_id: '' }] }, 'input[0].call_id'],
    ['an output of no call', { input: [{ type: 'function_call_output', output: 'x' }] }, 'input[0].call_id'],
    ['tools among the messages', { input: [{ type: 'additional_tools', tools: [] }] }, 'input[0]'],
    ['a limit below one', { max_output_tokens: 0 }, 'max_output_tokens'],
    ['a stream flag that is text', { stream: 'yes' }, 'stream'],
    ['instructions that are a list', { instructions: [] }, 'instructions'],
    ['a tool without a name', { tools: [{ type: 'function' }] }, 'tools[0].name'],
    ['a choice of no kind', { tool_choice: 'maybe' }, 'tool_choice'],
    [
      'a filter that cannot be read',
      { tools: [{ type: 'mcp', server_label: 's', allowed_tools: {} }] },
      'tools[0].allowed_tools',
    ],
  ])('[responses:items] is refused with %s, and the place named', (_name, body, path) => {
    expect(faultOf(body)).toBe(path);
  });

  it('is one assistant message for items that stand together, whose words come as one text', () => {
    const facts = inspect({
      instructions: 'Be brief.',
      input: [
        hi,
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'enc' },
        {
          type: 'message',
          role: 'assistant',
          content: [
            { type: 'output_text', text: 'a' },
            { type: 'refusal', refusal: 'no' },
          ],
        },
        { role: 'assistant', content: 'b' },
        called,
        { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'sun' }] },
        { type: 'web_search_call', id: 'ws_1' },
        { role: 'assistant', content: 'c' },
      ],
    });
    expect(facts.texts.map(({ role, text }) => `${role} ${text}`)).toEqual(['system Be brief.', 'user hi']);
    expect(facts.assistant).toMatchObject([
      { texts: ['ab', 'no'], reasoning: ['hm', 'openai:rs_1:enc'], toolCalls: [{ id: 'c1', name: 'f' }], opaque: [] },
      { texts: ['c'], opaque: ['web_search_call'] },
    ]);
    expect(facts.toolResults).toMatchObject([{ callId: 'c1', texts: ['sun'] }]);
  });

  it('[responses:items] tells of what the provider would fetch, and of ids that are stored there', () => {
    const content = [
      { type: 'input_image', image_url: 'https://e.example/a.png' },
      { type: 'input_image', image_url: 'data:image/png;base64,AA==' },
      { type: 'input_file', file_url: 'https://e.example/a.pdf' },
      { type: 'input_file', file_id: 'file-1' },
    ];
    const facts = inspect({
      input: [
        { role: 'user', content },
        { type: 'item_reference', id: 'msg_1' },
      ],
      prompt: { id: 'p' },
    });
    expect(facts.attachments.map(({ url, fileId }) => url ?? fileId)).toEqual([
      'https://e.example/a.png',
      undefined,
      'https://e.example/a.pdf',
      'file-1',
    ]);
    expect(facts.providerIds.map(({ field }) => field)).toEqual(['prompt.id', 'input[1].id']);
  });
});
