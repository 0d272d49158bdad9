import { DecodeError, malformed } from '../chat/failure.ts';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import { createFrameSplitter, dataOf, framesOf } from './frames.ts';

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

interface Template {
  prefix: string;
  suffix: string;
}

/**
 * Scans a provider's stream. Frames that differ from an earlier text frame in their text only are not parsed: the bytes
 * before and after the text are compared whole, and a text with a quote, backslash or control character is parsed, so
 * that no provider can hide a tool call behind the shortcut. All other frames go through the dialect's decoder.
 */
export function createStreamScanner(decoder: StreamDecoder, maxFrameBytes?: number): StreamScanner {
  const splitter = createFrameSplitter(maxFrameBytes);
  let template: Template | undefined;
  let failed = false;

  const scan = (frame: string, segments: Segment[]): void => {
    const text = template === undefined ? undefined : textBetween(frame, template);
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
      template = learn(frame, only.delta) ?? template;
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

/** A quote, backslash or control character: what JSON text between two quotes cannot hold plainly. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in strings (RFC 8259 §7).
const notPlain = /["\\\u0000-\u001f]/;

function textBetween(frame: string, { prefix, suffix }: Template): string | undefined {
  const end = frame.length - suffix.length;
  // Comparing slices is quicker than startsWith and endsWith for strings of this length.
  if (end < prefix.length || frame.slice(0, prefix.length) !== prefix || frame.slice(end) !== suffix) return undefined;
  const text = frame.slice(prefix.length, end);
  // The role chunk's empty text is not learnt from; an empty delta is no event.
  return text === '' || notPlain.test(text) ? undefined : text;
}

/** The frame around its text, where the text stands in it once, under the key that this dialect's text has. */
function learn(frame: string, text: string): Template | undefined {
  if (notPlain.test(text) || (!frame.startsWith('data:') && !frame.startsWith('event:'))) return undefined;
  const keys = [...frame.matchAll(/"(?:content|text)": ?"/g)];
  const [key] = keys;
  if (keys.length !== 1 || !key) return undefined;
  const start = key.index + key[0].length;
  if (!frame.startsWith(`${text}"`, start)) return undefined;
  return { prefix: frame.slice(0, start), suffix: frame.slice(start + text.length) };
}
