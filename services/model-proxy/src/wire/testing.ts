import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { createAccumulator } from '../chat/accumulate.ts';
import type { Dialect, JsonObject } from '../chat/message.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import { dataOf } from './frames.ts';

/** Reads a recorded body of a dialect; for tests. */
export function fixtureBody(dialect: Dialect, name: string): JsonObject {
  return JSON.parse(fixtureText(dialect, `${name}.json`)) as JsonObject;
}

/** Reads a recorded file of a dialect; for tests. */
export function fixtureText(dialect: Dialect, file: string): string {
  return readFileSync(new URL(`./${dialect}/fixtures/${file}`, import.meta.url), 'utf8');
}

/** All events of a stream's text; for tests. */
export function eventsOf(decoder: StreamDecoder, text: string): StreamEvent[] {
  const events: StreamEvent[] = [];
  for (const frame of text.split('\n\n')) {
    const data = dataOf(frame);
    if (data !== undefined) events.push(...decoder.push(data));
  }
  return [...events, ...decoder.end()];
}

/** All events of payloads, written as JSON where they are objects; for tests. */
export function heardBy(decoder: StreamDecoder, payloads: readonly (object | string)[]): StreamEvent[] {
  const events = payloads.flatMap((one) => decoder.push(typeof one === 'string' ? one : JSON.stringify(one)));
  return [...events, ...decoder.end()];
}

/** The answer that events spell; for tests. */
export function answerOf(events: readonly StreamEvent[]): ChatResponse {
  const all = createAccumulator();
  for (const event of events) all.add(event);
  return all.response();
}

/** One message of Amazon's event stream with string headers; for tests. */
export function eventMessage(headers: Readonly<Record<string, string>>, payload: string): Buffer {
  const named = Object.entries(headers).map(([name, value]) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(Buffer.byteLength(value));
    return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), length, Buffer.from(value)]);
  });
  const head = Buffer.concat(named);
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + head.length + Buffer.byteLength(payload), 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const body = Buffer.concat([prelude, head, Buffer.from(payload)]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([body, checksum]);
}
