import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DecodeError } from '../chat/failure.ts';
import { crc32 } from './crc32.ts';
import { createEventStreamReader } from './event-stream.ts';
import { type Framing, payloadReader } from './framing.ts';
import { eventMessage } from './testing.ts';

const MOST = 1_000;
const event = (type: string, payload: string) =>
  eventMessage({ ':message-type': 'event', ':event-type': type, ':content-type': 'application/json' }, payload);

/** All payloads of a stream whose bytes come in pieces that end at `cuts`. */
function payloadsOf(framing: Framing, bytes: Buffer, cuts: readonly number[]): string[] {
  const reader = payloadReader(framing, MOST);
  const payloads: string[] = [];
  let from = 0;
  for (const at of [...new Set(cuts)].sort((a, b) => a - b)) {
    payloads.push(...reader.push(bytes.subarray(from, at)));
    from = at;
  }
  return [...payloads, ...reader.push(bytes.subarray(from)), ...reader.end()];
}

const streams: [Framing, Buffer, string[]][] = [
  [
    'event-stream',
    Buffer.concat([
      event('messageStart', '{"role":"assistant"}'),
      event('contentBlockDelta', '{"delta":{"text":"Żółw €"}}'),
      event('messageStop', ''),
      eventMessage({ ':message-type': 'exception', ':exception-type': 'throttlingException' }, '{"message":"slow"}'),
      eventMessage({ ':message-type': 'error', ':error-code': 'InternalError', ':error-message': 'a "b"' }, ''),
      eventMessage({ ':message-type': 'news' }, 'x'),
    ]),
    [
      '{"messageStart":{"role":"assistant"}}',
      '{"contentBlockDelta":{"delta":{"text":"Żółw €"}}}',
      '{"messageStop":{}}',
      '{":exception":"throttlingException","payload":{"message":"slow"}}',
      '{":exception":"InternalError","payload":{"message":"a \\"b\\""}}',
    ],
  ],
  ['json-lines', Buffer.from('{"a":"Żółw"}\r\n\n{"b":2}\n{"c":"€"}'), ['{"a":"Żółw"}', '{"b":2}', '{"c":"€"}']],
  ['sse', Buffer.from(': hi\ndata: {"a":"Żółw"}\r\n\r\nevent: x\ndata: 2\n\n'), ['{"a":"Żółw"}', '2']],
];

describe.each(streams)('a stream framed as %s', (framing, bytes, expected) => {
  it('[clouds:framing] says the same wherever its bytes are cut', () => {
    expect(payloadsOf(framing, bytes, [])).toEqual(expected);
    expect(payloadsOf(framing, bytes, [...bytes.keys()])).toEqual(expected);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        expect(payloadsOf(framing, bytes, cuts)).toEqual(expected);
      }),
    );
  });
});

describe('the event stream of Amazon', () => {
  it.each([
    ['000000100000000005c248eb7d98c8ff', ''],
    ['0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936', "{'foo':'bar'}"],
  ])('[clouds:event-stream] %s, of its published examples, reads as %j', (hex, payload) => {
    expect(createEventStreamReader(MOST).push(Buffer.from(hex, 'hex'))).toEqual([{ headers: new Map(), payload }]);
  });

  it('[clouds:event-stream] is not believed with any bit changed', () => {
    const good = event('messageStop', '{"stopReason":"end_turn"}');
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] as number) ^ 0x10;
      const reader = createEventStreamReader(1 << 20);
      expect(() => [...reader.push(bad), ...reader.end()]).toThrow(DecodeError);
    }
  });

  it('[clouds:event-stream] tells what came whole before what is broken, and then that it is broken', () => {
    const reader = createEventStreamReader(MOST);
    const bad = Buffer.from(event('b', '{}'));
    bad[20] = 0xff;
    expect(reader.push(Buffer.concat([event('a', '{}'), bad]))).toHaveLength(1);
    expect(() => reader.push(event('c', '{}'))).toThrow(DecodeError);
    expect(() => reader.end()).toThrow(DecodeError);
  });

  it.each<[string, Buffer, string]>([
    ['a message over the bound', event('a', 'x'.repeat(MOST)), 'too_large'],
    ['a message that is cut', event('a', '{}').subarray(0, -1), 'truncated'],
  ])('[clouds:event-stream] refuses %s', (_name, bytes, fault) => {
    const reader = createEventStreamReader(MOST);
    expect(() => [...reader.push(bytes), ...reader.end()]).toThrow(expect.objectContaining({ fault }));
  });

  it('[clouds:framing] refuses a line over the bound', () => {
    const reader = payloadReader('json-lines', MOST);
    expect(() => reader.push(Buffer.alloc(MOST + 1, 0x61))).toThrow(expect.objectContaining({ fault: 'too_large' }));
  });
});

describe('the checksum of an event stream', () => {
  it('[clouds:event-stream] is that of zlib', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => expect(crc32(bytes)).toBe(zlibCrc32(bytes))));
  });
});
