import { readFileSync } from 'node:fs';
import type { Dialect, JsonObject } from '../chat/message.ts';
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
