import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import { createFrameSplitter, payloadsIn } from './frames.ts';
import { type Framing, payloadReader } from './framing.ts';
import { PlainText } from './plain-text.ts';

/** Reads what a stream says, chunk by chunk. */
export interface StreamReader {
  /** Throws DecodeError for what cannot be cut into events, and for an event over the bound. */
  push(chunk: Buffer): StreamEvent[];
  /** What the rest of the bytes says, without what the decoder makes of their end. */
  end(): StreamEvent[];
}

/** Makes the reader of one stream from the decoder of its dialect. */
export function streamReader(decoder: StreamDecoder, framing: Framing, maxEventBytes: number): StreamReader {
  if (framing === 'sse') return new EventsReader(decoder, maxEventBytes);
  const payloads = payloadReader(framing, maxEventBytes);
  const said = (payload: string) => decoder.push(payload);
  return { push: (chunk) => payloads.push(chunk).flatMap(said), end: () => payloads.end().flatMap(said) };
}

/** Server-sent events. In a run of frames that hold text alone only the first is decoded, where its dialect says that it may. */
class EventsReader implements StreamReader {
  readonly #decoder: StreamDecoder;
  readonly #splitter: ReturnType<typeof createFrameSplitter>;
  readonly #plain = new PlainText();

  constructor(decoder: StreamDecoder, maxEventBytes: number) {
    this.#decoder = decoder;
    this.#splitter = createFrameSplitter(maxEventBytes);
  }

  push(chunk: Buffer): StreamEvent[] {
    const events: StreamEvent[] = [];
    for (const frame of this.#splitter.push(chunk)) this.#read(frame, events);
    return events;
  }

  end(): StreamEvent[] {
    const events: StreamEvent[] = [];
    this.#read(this.#splitter.rest(), events);
    return events;
  }

  #read(frame: string, events: StreamEvent[]): void {
    const text = this.#plain.of(frame);
    if (text !== undefined) {
      events.push({ type: 'text', delta: text });
      return;
    }
    const payloads = payloadsIn(frame);
    if (payloads.length === 0) return;
    const before = events.length;
    for (const payload of payloads) for (const event of this.#decoder.push(payload)) events.push(event);
    this.#plain.forget();
    const said = events[before];
    const isText = payloads.length === 1 && events.length === before + 1 && said?.type === 'text';
    if (isText && this.#decoder.saidTextAlone?.()) this.#plain.learn(frame, said.delta);
  }
}
