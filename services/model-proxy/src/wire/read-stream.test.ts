import { describe, expect, it } from '@jest/globals';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import { codecs } from './codec.ts';
import { streamReader } from './read-stream.ts';

const line = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
const chunk = (delta: object, beside: object = {}) =>
  line({ id: 'c1', choices: [{ index: 0, delta, ...beside }], created: 1 });
const deltaOf = (text: string) => line({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });

/** What a stream says that comes as these frames, and how many of them were decoded. */
function heard(dialect: 'openai-chat' | 'anthropic-messages', ...frames: readonly string[]) {
  const decoder = codecs[dialect].streamDecoder();
  let decoded = 0;
  const counting: StreamDecoder = {
    push: (data) => {
      decoded += 1;
      return decoder.push(data);
    },
    end: () => decoder.end(),
    done: () => decoder.done(),
    saidTextAlone: () => decoder.saidTextAlone?.() === true,
  };
  const reader = streamReader(counting, 'sse', 100_000);
  const events: StreamEvent[] = reader.push(Buffer.from(frames.join('')));
  return { events: [...events, ...reader.end()], decoded };
}

const said = (events: readonly StreamEvent[]) =>
  events.map((event) => (event.type === 'text' ? event.delta : event.type));

describe('the frames of a stream that is told anew', () => {
  it('[fragments:nothing-lost] are decoded once where they differ in their text alone', () => {
    const words = ['one', ' two', ' three', ' für', ' {', ' five'];
    const { events, decoded } = heard(
      'openai-chat',
      chunk({ role: 'assistant', content: '' }),
      ...words.map((content) => chunk({ content })),
    );
    expect(said(events)).toEqual(['start', ...words]);
    expect(decoded).toBe(2);
  });

  it('[fragments:nothing-lost] are decoded where their text is escaped or has more behind it', () => {
    const calls = [{ index: 0, id: 'x', function: { name: 'f', arguments: '{}' } }];
    const frames = [
      ...[chunk({ content: 'a' }), chunk({ content: 'b' }), chunk({ content: 'c' }), chunk({ content: '"q"\n' })],
      ...[
        chunk({ content: 'd' }),
        chunk({ content: 'e', tool_calls: calls }),
        chunk({ content: 'f' }, { finish_reason: 'stop' }),
      ],
    ];
    const { events } = heard('openai-chat', ...frames);
    expect(said(events)).toEqual([
      'start',
      'a',
      'b',
      'c',
      '"q"\n',
      'd',
      'e',
      'toolCallStart',
      'toolCallDelta',
      'f',
      'toolCallStop',
      'finish',
    ]);
  });

  it('[fragments:nothing-lost] keep the odds of their tokens', () => {
    const odds = { logprobs: { content: [{ token: 'a', logprob: -1, bytes: null, top_logprobs: [] }] } };
    const { events } = heard('openai-chat', ...['a', 'a', 'a'].map((content) => chunk({ content }, odds)));
    expect(events.filter((event) => event.type === 'text' && event.odds?.length === 1)).toHaveLength(3);
  });

  it('[fragments:nothing-lost] are decoded again behind whatever else came: a block that is over takes no more text', () => {
    const stop = line({ type: 'content_block_stop', index: 0 });
    const begin = [
      line({ type: 'message_start', message: { id: 'm', model: 'x' } }),
      line({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    ];
    const { events } = heard('anthropic-messages', ...begin, deltaOf('a'), deltaOf('b'), stop, deltaOf('c'));
    expect(said(events)).toEqual(['start', 'a', 'b', 'blockStop', 'error']);
  });

  it('[fragments:nothing-lost] are decoded where they hold a part of a call as well, named or not', () => {
    const part = (content: string, named: object = {}) =>
      chunk({ content, tool_calls: [{ index: 0, id: 'x', function: { ...named, arguments: '1' } }] });
    const { events } = heard(
      'openai-chat',
      chunk({ role: 'assistant', content: '' }),
      part('a'),
      part('b'),
      part('c', { name: 'f' }),
    );
    const written = events.map((event) => (event.type === 'toolCallDelta' ? event.delta : '')).join('');
    expect([said(events).filter((one) => one.length === 1), written]).toEqual([['a', 'b', 'c'], '111']);
  });

  it('[fragments:nothing-lost] are decoded where they begin a block or name where it was found', () => {
    const begin = (text: string) =>
      line({ type: 'content_block_start', index: 0, content_block: { type: 'text', text } });
    const start = line({ type: 'message_start', message: { id: 'm', model: 'x' } });
    expect(said(heard('anthropic-messages', start, begin('a'), begin('b')).events)).toEqual(['start', 'a', 'error']);
    const noted = (content: string) =>
      chunk({ content, annotations: [{ type: 'url_citation', url_citation: { url: 'https://a.example' } }] });
    expect(heard('openai-chat', noted('a'), noted('b'), noted('c')).decoded).toBe(3);
  });
});
