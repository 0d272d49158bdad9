import { DecodeError, malformed } from '../chat/failure.ts';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import { createFrameSplitter, dataOf, framesOf } from './frames.ts';
import { PlainText } from './plain-text.ts';

/**
 * A piece of a stream that may be sent on as it is. `text` pieces are runs of plain text deltas of the first answer,
 * joined in `text`; every other frame is a piece of its own, with the events that it says. `usageOnly` marks a frame that
 * holds nothing but usage, which a client that did not ask for it must not get.
 */
export type Segment =
  | { kind: 'text'; bytes: string; text: string }
  | { kind: 'events'; bytes: string; events: StreamEvent[]; usageOnly: boolean };

/** Reads a stream that stays in its dialect. Its functions never throw; a fault is an `error` event. */
export interface StreamScanner {
  push(chunk: Buffer): Segment[];
  end(): Segment[];
  done(): boolean;
}

/** Scans a provider's stream. Frames of plain text are recognised; all others go through the dialect's decoder. */
export function createStreamScanner(decoder: StreamDecoder, maxFrameBytes?: number): StreamScanner {
  const splitter = createFrameSplitter(maxFrameBytes);
  const plain = new PlainText();
  let failed = false;

  const scan = (frame: string, segments: Segment[]): void => {
    const text = plain.of(frame);
    if (text !== undefined) {
      addText(segments, frame, text);
      return;
    }
    const apart = framesOf(frame);
    if (apart.length > 1) {
      for (const one of apart) if (!decoder.done()) scan(one, segments);
      return;
    }
    const data = dataOf(frame);
    const events = data === undefined ? [] : decoder.push(data);
    const [only] = events;
    if (events.length === 1 && only?.type === 'text' && only.choice === undefined) {
      plain.learn(frame, only.delta);
      addText(segments, frame, only.delta);
      return;
    }
    const usageOnly = events.length === 1 && only?.type === 'usage';
    segments.push({ kind: 'events', bytes: frame, events, usageOnly });
  };

  const guarded = (read: (segments: Segment[]) => void): Segment[] => {
    const segments: Segment[] = [];
    if (failed) return segments;
    try {
      read(segments);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      failed = true;
      const events: StreamEvent[] = [{ type: 'error', failure: malformed(error) }];
      segments.push({ kind: 'events', bytes: '', events, usageOnly: false });
    }
    return segments;
  };

  return {
    push: (chunk) =>
      guarded((segments) => {
        for (const frame of splitter.push(chunk)) {
          if (decoder.done()) return;
          scan(frame, segments);
        }
      }),
    end: () =>
      guarded((segments) => {
        const rest = splitter.rest();
        // A last frame without its blank line is what some servers end with.
        if (rest.trim() !== '' && !decoder.done()) scan(`${rest.replace(/\n+$/, '')}\n\n`, segments);
        const events = decoder.end();
        if (events.length > 0) segments.push({ kind: 'events', bytes: '', events, usageOnly: false });
      }),
    done: () => failed || decoder.done(),
  };
}

function addText(segments: Segment[], bytes: string, text: string): void {
  const last = segments.at(-1);
  if (last?.kind === 'text') {
    last.bytes += bytes;
    last.text += text;
  } else segments.push({ kind: 'text', bytes, text });
}
