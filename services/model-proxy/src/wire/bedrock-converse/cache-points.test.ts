import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../chat/message.ts';
import { withCachePoints } from './cache-points.ts';

const LONG = 'word '.repeat(1_000);
const SONNET = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0';
const point = { cachePoint: { type: 'default' } };
const tool = (name: string) => ({ toolSpec: { name, description: LONG, inputSchema: { json: { type: 'object' } } } });
const body: JsonObject = {
  toolConfig: { tools: [tool('a'), tool('b')] },
  system: [{ text: LONG }],
  messages: [
    { role: 'user', content: [{ text: LONG }, { text: 'Sum up.' }] },
    { role: 'assistant', content: [{ reasoningContent: { reasoningText: { text: 'x' } } }, { text: 'So.' }] },
    { role: 'user', content: [{ text: 'And?' }] },
  ],
};
const count = (one: JsonObject) => JSON.stringify(one).split('"cachePoint"').length - 1;

describe('cache points of Converse', () => {
  it('[decoration:cache-marks] stand behind long tools, instructions, documents and a conversation that goes on', () => {
    const marked = withCachePoints(body, SONNET, { ttl: '5m' });
    expect(marked).toEqual({
      toolConfig: { tools: [tool('a'), tool('b'), point] },
      system: [{ text: LONG }, point],
      messages: [
        { role: 'user', content: [{ text: LONG }, point, { text: 'Sum up.' }] },
        (body.messages as JsonObject[])[1],
        { role: 'user', content: [{ text: 'And?' }, point] },
      ],
    });
    expect(count(marked)).toBe(4);
    expect(count(body)).toBe(0);
  });

  it.each<[string, string, number]>([
    ['Nova keeps no tools', 'amazon.nova-pro-v1:0', 3],
    ['an old Claude keeps nothing', 'anthropic.claude-3-sonnet-20240229-v1:0', 0],
    ['Llama keeps nothing', 'meta.llama3-70b-instruct-v1:0', 0],
  ])('[decoration:cache-marks] %s', (_name, model, points) => {
    expect(count(withCachePoints(body, model, { ttl: '5m' }))).toBe(points);
  });

  it('[decoration:cache-marks] are left to the client where it has one', () => {
    const own = { ...body, system: [{ text: 'x' }, point] };
    expect(withCachePoints(own, SONNET, { ttl: '1h' })).toBe(own);
    expect(withCachePoints(body, SONNET, { ttl: '1h' }).system).toEqual([
      { text: LONG },
      { cachePoint: { type: 'default', ttl: '1h' } },
    ]);
  });
});
