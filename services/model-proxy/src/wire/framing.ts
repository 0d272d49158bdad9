import { createEventStreamReader, eventText } from './event-stream.ts';
import { createFrameSplitter, payloadsIn } from './frames.ts';
import { createLineReader } from './json-lines.ts';

/** How a dialect's streams are cut into events: server-sent events, Amazon's binary event stream, or JSON line by line. */
export type Framing = 'sse' | 'event-stream' | 'json-lines';

/** Reads the payloads of a stream, which are what its `StreamDecoder` takes. */
export interface PayloadReader {
  /** Throws DecodeError for what cannot be cut, and for an event over the bound. */
  push(chunk: Buffer): string[];
  end(): string[];
}

/** Makes the reader for one stream. */
export function payloadReader(framing: Framing, maxEventBytes: number): PayloadReader {
  switch (framing) {
    case 'sse':
      return eventsReader(maxEventBytes);
    case 'event-stream': {
      const reader = createEventStreamReader(maxEventBytes);
      return {
        push: (chunk) => reader.push(chunk).flatMap((message) => eventText(message) ?? []),
        end: () => reader.end().flatMap((message) => eventText(message) ?? []),
      };
    }
    case 'json-lines':
      return createLineReader(maxEventBytes);
  }
}

function eventsReader(maxEventBytes: number): PayloadReader {
  const splitter = createFrameSplitter(maxEventBytes);
  return {
    push: (chunk) => splitter.push(chunk).flatMap(payloadsIn),
    end: () => payloadsIn(splitter.rest()),
  };
}
