import { describe, expect, it } from '@jest/globals';
import { codecs } from '../wire/codec.ts';
import { eventMessage } from '../wire/testing.ts';
import { eventReader } from './answer-stream.ts';

const event = (type: string, payload: object) =>
  eventMessage({ ':message-type': 'event', ':event-type': type }, JSON.stringify(payload));
const text = event('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'hello' } });

function heard(...chunks: readonly Buffer[]) {
  const { framing, streamDecoder } = codecs['bedrock-converse'];
  const reader = eventReader(streamDecoder(), framing);
  const segments = [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()];
  const events = segments.flatMap((segment) => (segment.kind === 'events' ? segment.events : []));
  return { kinds: events.map(({ type }) => type), last: events.at(-1), done: reader.done() };
}

describe('the events of a binary stream', () => {
  it('[clouds:event-stream] end with an error where bytes were changed, after what came whole', () => {
    const bad = Buffer.from(text);
    bad[bad.length - 6] = (bad[bad.length - 6] as number) ^ 1;
    const { kinds, last, done } = heard(Buffer.concat([text, bad]), text);
    expect(kinds).toEqual(['start', 'text', 'error']);
    expect(last).toMatchObject({ failure: { kind: 'malformed' } });
    expect(done).toBe(true);
  });

  it('[clouds:event-stream] end with an error where they are cut within a message or before the answer ended', () => {
    expect(heard(text, text.subarray(0, 20)).kinds).toEqual(['start', 'text', 'error']);
    expect(heard(text).kinds).toEqual(['start', 'text', 'error']);
  });
});
