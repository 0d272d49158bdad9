import { DecodeError } from '../chat/failure.ts';
import { crc32 } from './crc32.ts';

/** One message of Amazon's event stream: its string headers by name, and its payload as text. */
export interface EventMessage {
  readonly headers: ReadonlyMap<string, string>;
  readonly payload: string;
}

/** Cuts a body into the messages of an event stream. */
export interface EventStreamReader {
  /** The complete messages so far. DecodeError where lengths or checksums are wrong, or a message is over the bound. */
  push(chunk: Buffer): EventMessage[];
  /** Tells that the bytes ended. DecodeError where a message was cut. */
  end(): EventMessage[];
}

const PRELUDE = 12;
const CHECKSUM = 4;

/**
 * Reads `application/vnd.amazon.eventstream`: a prelude of two lengths and their CRC-32, headers, payload, CRC-32 of all
 * before it. Bytes are joined once a message is there, so that one that comes byte by byte costs no more than others.
 */
export function createEventStreamReader(maxMessageBytes: number): EventStreamReader {
  let parts: Buffer[] = [];
  let held = 0;
  let needed = PRELUDE;
  let fault: unknown;

  const join = (): Buffer => {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [bytes];
    return bytes;
  };

  return {
    push(chunk) {
      if (fault !== undefined) throw fault;
      if (chunk.length === 0) return [];
      parts.push(chunk);
      held += chunk.length;
      if (held < needed) return [];
      const messages: EventMessage[] = [];
      const bytes = join();
      let from = 0;
      try {
        for (;;) {
          const left = held - from;
          needed = left < PRELUDE ? PRELUDE : messageLength(bytes, from, maxMessageBytes);
          if (left < needed) break;
          messages.push(readMessage(bytes, from, needed));
          from += needed;
        }
      } catch (error) {
        // What came whole before it is told first.
        fault = error;
        if (messages.length === 0) throw error;
      }
      held -= from;
      parts = held === 0 ? [] : [bytes.subarray(from)];
      return messages;
    },
    end() {
      if (fault !== undefined) throw fault;
      if (held > 0) throw new DecodeError('truncated', '', 'ends within a message');
      return [];
    },
  };
}

/** The length of the message that begins at `from`, whose prelude is there. */
function messageLength(bytes: Buffer, from: number, most: number): number {
  const total = bytes.readUInt32BE(from);
  const headers = bytes.readUInt32BE(from + 4);
  if (crc32(bytes, from, from + 8) !== bytes.readUInt32BE(from + 8)) {
    throw new DecodeError('wrong_shape', '', 'has a message whose prelude does not fit its checksum');
  }
  if (total > most) throw new DecodeError('too_large', '', `has a message over ${most} bytes`);
  if (total < PRELUDE + headers + CHECKSUM) {
    throw new DecodeError('wrong_shape', '', 'has a message that is shorter than its headers');
  }
  return total;
}

function readMessage(bytes: Buffer, from: number, length: number): EventMessage {
  const end = from + length - CHECKSUM;
  if (crc32(bytes, from, end) !== bytes.readUInt32BE(end)) {
    throw new DecodeError('wrong_shape', '', 'has a message that does not fit its checksum');
  }
  const head = from + PRELUDE;
  const body = head + bytes.readUInt32BE(from + 4);
  return { headers: readHeaders(bytes, head, body), payload: bytes.toString('utf8', body, end) };
}

/** How long the values of the types are that have no length of their own: true, false, byte to long, time, UUID. */
const FIXED: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];
const BYTES = 6;
const STRING = 7;

function readHeaders(bytes: Buffer, from: number, end: number): Map<string, string> {
  const headers = new Map<string, string>();
  let at = from;
  while (at < end) {
    const nameEnd = at + 1 + (bytes[at] as number);
    let next = nameEnd + 1;
    const type = nameEnd < end ? (bytes[nameEnd] as number) : -1;
    const fixed = FIXED[type];
    if (fixed !== undefined) next += fixed;
    else if (type === BYTES || type === STRING) next += next + 2 <= end ? 2 + bytes.readUInt16BE(next) : 2;
    else if (type >= 0) throw new DecodeError('wrong_shape', '', `has a header of unknown type ${type}`);
    if (next > end) throw new DecodeError('wrong_shape', '', 'has headers that are cut');
    if (type === STRING)
      headers.set(bytes.toString('latin1', at + 1, nameEnd), bytes.toString('utf8', nameEnd + 3, next));
    at = next;
  }
  return headers;
}

/** The member under which an exception's type stands in the text of its message. */
export const EXCEPTION = ':exception';

/**
 * A message as JSON text for a stream decoder: `{"<event type>": payload}` as the service's own documents write events,
 * `{":exception": "<type>", "payload": payload}` for a failure. Undefined for a message that is neither.
 */
export function eventText({ headers, payload }: EventMessage): string | undefined {
  const body = payload === '' ? '{}' : payload;
  switch (headers.get(':message-type')) {
    case 'event':
      return `{${JSON.stringify(headers.get(':event-type') ?? '')}:${body}}`;
    case 'exception':
      return `{"${EXCEPTION}":${JSON.stringify(headers.get(':exception-type') ?? '')},"payload":${body}}`;
    case 'error': {
      const message = headers.get(':error-message') ?? '';
      return JSON.stringify({ [EXCEPTION]: headers.get(':error-code') ?? '', payload: { message } });
    }
    default:
      return undefined;
  }
}
