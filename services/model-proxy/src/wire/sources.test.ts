import { describe, expect, it } from '@jest/globals';
import type { StreamEvent } from '../chat/stream.ts';
import { createStreamDecoder as anthropic } from './anthropic-messages/stream-decode.ts';
import { createStreamDecoder as cohere } from './cohere/stream-decode.ts';
import { createStreamDecoder as openai } from './openai-chat/stream-decode.ts';
import { uniqueSources } from './sources.ts';

const FOUND = [{ url: 'https://a.example/x', title: 'A' }, { url: 'https://b.example' }];
const named = [...FOUND, { url: 'javascript:alert(1)' }, { url: 'https://a.example/x' }];
const finishOf = (events: StreamEvent[]) => events.find(({ type }) => type === 'finish');
const heard = (decoder: ReturnType<typeof openai>, chunks: readonly object[]) =>
  finishOf([...chunks.flatMap((chunk) => decoder.push(JSON.stringify(chunk))), ...decoder.end()]);

describe('the sources that a stream names', () => {
  it('[providers:sources] are known at its end, in each dialect that names them beside the text', () => {
    const choice = (delta: object, finish_reason: string | null = null) => ({ index: 0, delta, finish_reason });
    const annotations = named.map((one) => ({ type: 'url_citation', url_citation: one }));
    expect(
      heard(openai(), [
        { id: 'c', model: 'm', choices: [choice({ content: 'a', annotations })] },
        { id: 'c', model: 'm', choices: [choice({}, 'stop')] },
      ]),
    ).toMatchObject({ cites: true, sources: FOUND });
    expect(
      heard(anthropic(), [
        { type: 'message_start', message: { id: 'm', model: 'm' } },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'a' } },
        ...named.map((citation) => ({
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'citations_delta', citation },
        })),
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
        { type: 'message_stop' },
      ]),
    ).toMatchObject({ sources: FOUND });
    const citations = { sources: named.map((document) => ({ type: 'document', id: 'd', document })) };
    expect(
      heard(cohere(), [
        { type: 'message-start', id: 'c' },
        { type: 'content-delta', index: 0, delta: { message: { content: { text: 'a' } } } },
        { type: 'citation-start', index: 0, delta: { message: { citations } } },
        { type: 'message-end', delta: { finish_reason: 'COMPLETE' } },
      ]),
    ).toMatchObject({ sources: FOUND });
  });

  it('[providers:sources] are web addresses, each once, and not without end', () => {
    const many = Array.from({ length: 500 }, (_, index) => ({ url: `https://${index}.example` }));
    expect(uniqueSources(many)).toHaveLength(64);
    expect(uniqueSources([{ url: 1 }, { url: `https://${'a'.repeat(5000)}` }, { url: 'data:x' }])).toEqual([]);
  });
});
