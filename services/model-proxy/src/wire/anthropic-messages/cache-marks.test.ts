import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../chat/message.ts';
import { withCacheMarks } from './cache-marks.ts';

const LONG = 'word '.repeat(1_000);
const mark = { type: 'ephemeral' };
const tool = (name: string, description = 'd') => ({ name, description, input_schema: { type: 'object' } });
const base = { model: 'claude-sonnet-5', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const marked = (body: JsonObject) => withCacheMarks({ ...base, ...body }, { ttl: '5m' });
const count = (body: JsonObject) => JSON.stringify(body).split('"cache_control"').length - 1;

describe('marks for the cache of prompts', () => {
  it('[decoration:cache-marks] stand behind long tools, instructions, documents and a conversation that goes on', () => {
    const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: LONG } };
    const body = marked({
      tools: [tool('a', LONG), tool('b')],
      system: LONG,
      messages: [
        { role: 'user', content: [document, { type: 'text', text: 'Sum up.' }] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 't', signature: 's' },
            { type: 'text', text: 'So.' },
          ],
        },
        { role: 'user', content: 'And?' },
      ],
    });
    expect(body).toMatchObject({
      tools: [{ name: 'a' }, { name: 'b', cache_control: mark }],
      system: [{ type: 'text', text: LONG, cache_control: mark }],
      messages: [
        { content: [{ type: 'document', cache_control: mark }, { type: 'text' }] },
        {},
        { content: [{ type: 'text', text: 'And?', cache_control: mark }] },
      ],
    });
    expect(count(body)).toBe(4);
  });

  it.each<[string, JsonObject, number]>([
    ['nothing is long', { system: 'Be brief.', tools: [tool('a')] }, 0],
    [
      'tools are long together with instructions only',
      { system: LONG.slice(0, 3_000), tools: [tool('a', LONG.slice(0, 3_000))] },
      1,
    ],
    ['a conversation is long but does not go on', { messages: [{ role: 'user', content: 'a '.repeat(1_000) }] }, 0],
    ['the model keeps only what is longer', { model: 'claude-haiku-4-5', system: LONG }, 0],
    ['the last tool is deferred', { tools: [tool('a', LONG), { ...tool('b'), defer_loading: true }] }, 1],
  ])('[decoration:cache-marks] where %s', (_name, body, marks) => {
    expect(count(marked(body))).toBe(marks);
  });

  it.each<[string, JsonObject]>([
    ['a message', { messages: [{ role: 'user', content: [{ type: 'text', text: 'x', cache_control: mark }] }] }],
    ['a tool', { tools: [{ ...tool('a'), cache_control: { type: 'ephemeral', ttl: '1h' } }] }],
    [
      'a part of a result',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: 'c', content: [{ type: 'text', text: 'x', cache_control: mark }] },
            ],
          },
        ],
      },
    ],
    ['the request', { cache_control: mark }],
  ])('[decoration:cache-marks] none is put where the client has one in %s', (_name, body) => {
    const given = { ...base, system: LONG, ...body };
    expect(withCacheMarks(given, { ttl: '1h' })).toBe(given);
  });

  it('[decoration:cache-marks] say an hour where it is asked for, and change nothing in the body given', () => {
    const given = { ...base, system: [{ type: 'text', text: LONG }] };
    const before = JSON.stringify(given);
    expect(withCacheMarks(given, { ttl: '1h' }).system).toMatchObject([{ cache_control: { ...mark, ttl: '1h' } }]);
    expect(JSON.stringify(given)).toBe(before);
  });
});
