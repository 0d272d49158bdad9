import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { drained } from './drained.ts';
import { keepAlive } from './sse-keepalive.ts';

/** Writes one event stream (HTML living standard §9.2) to a client. */
export interface SseWriter {
  /**
   * Begins with status 200 and sends the headers at once; with `flush: false` they go out with the first event, in one
   * packet, for callers that have it at hand. A list of headers is names and values in turn.
   */
  open(headers?: readonly string[] | OutgoingHttpHeaders, options?: { readonly flush?: boolean }): void;
  /** One event with only data. Resolves when more may be written; resolves at once when the client is gone. */
  data(data: string | Buffer): Promise<void>;
  event(name: string, data: string | Buffer): Promise<void>;
  /** Bytes that are whole events already. */
  raw(bytes: string | Buffer): Promise<void>;
  comment(text: string): Promise<void>;
  /** Ends the stream, with these last events if there are any, in one write. */
  end(last?: string): void;
  /** True once nothing more reaches the client. */
  closed(): boolean;
}

/** Headers of an event stream, names and values in turn. */
export const EVENT_STREAM_HEAD: readonly string[] = [
  ...['content-type', 'text/event-stream; charset=utf-8'],
  ...['cache-control', 'no-cache, no-transform'],
  // nginx would otherwise hold events back until its buffer is full.
  ...['x-accel-buffering', 'no'],
];

const RESOLVED = Promise.resolve();
const LINE_END = /\r\n|\r|\n/;

interface Options {
  /** So much silence is filled with a comment (checked each second). */
  readonly keepAliveMs: number;
  /** The reader takes comments for events: blank lines, which are nothing to all readers, are sent in their place. */
  readonly uncommented?: boolean;
}

/** Makes the writer of a response. */
export function sseWriter(res: ServerResponse, { keepAliveMs, uncommented = false }: Options): SseWriter {
  let lastWriteMs = Date.now();
  const quiet = keepAlive({
    everyMs: keepAliveMs,
    lastWriteMs: () => lastWriteMs,
    write: () => void write(uncommented ? '\n\n' : ':\n\n'),
  });
  res.once('close', () => {
    quiet.stop();
  });
  const write = (bytes: string | Buffer): Promise<void> => {
    if (res.destroyed || res.writableEnded) return RESOLVED;
    lastWriteMs = Date.now();
    return res.write(bytes) ? RESOLVED : drained(res);
  };
  return {
    closed: () => res.destroyed,
    open(headers = [], { flush = true } = {}) {
      res.writeHead(200, [
        ...EVENT_STREAM_HEAD,
        ...(isList(headers) ? headers : Object.entries(headers).flat()),
      ] as string[]);
      if (flush) res.flushHeaders();
      // Of one that is gone already nothing tells that it may stop.
      if (!res.destroyed) quiet.start();
    },
    data: (data) => write(typeof data === 'string' ? `${dataLines(data)}\n` : framed(data)),
    event: (name, data) => {
      const text = typeof data === 'string' ? data : data.toString('utf8');
      return write(`event: ${oneLine(name)}\n${dataLines(text)}\n`);
    },
    raw: write,
    comment: (text) => write(uncommented ? '\n\n' : `: ${oneLine(text)}\n\n`),
    end(last = '') {
      quiet.stop();
      if (!res.writableEnded) res.end(res.destroyed ? '' : last);
    },
  };
}

function isList(headers: readonly string[] | OutgoingHttpHeaders): headers is readonly string[] {
  return Array.isArray(headers);
}

function dataLines(data: string): string {
  if (!data.includes('\n') && !data.includes('\r')) return `data: ${data}\n`;
  return data
    .split(LINE_END)
    .map((line) => `data: ${line}\n`)
    .join('');
}

const PREFIX = Buffer.from('data: ');
const SUFFIX = Buffer.from('\n\n');

function framed(data: Buffer): string | Buffer {
  if (data.includes(0x0a) || data.includes(0x0d)) return `${dataLines(data.toString('utf8'))}\n`;
  return Buffer.concat([PREFIX, data, SUFFIX]);
}

// A line end in a name or comment would let its text start an event of its own.
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}

export { readSse, type SseEvent, sseParser } from './sse-reader.ts';
