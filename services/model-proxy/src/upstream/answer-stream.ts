import { GatewayError } from '@sallyport/chassis/errors';
import { DecodeError, malformed } from '../chat/failure.ts';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import type { Exchange } from '../responses/exchange.ts';
import type { Framing } from '../wire/framing.ts';
import { streamReader } from '../wire/read-stream.ts';
import { createStreamScanner, type Segment } from '../wire/scan.ts';
import type { CallScope } from './call-scope.ts';

const MAX_EVENT_BYTES = 8 * 1024 * 1024;
/** How much, and how long, is read behind the end of an answer for the sake of its connection. */
const MAX_DRAINED = 16 * 1024;
const DRAIN_MS = 1_000;

/** Reads the chunks of one streamed answer. */
export interface AnswerReader {
  push(chunk: Buffer): Segment[];
  end(): Segment[];
  /** True from the dialect's own end mark on. */
  done(): boolean;
}

/** Reads the provider's own frames, byte for byte, beside what they say; `exchange` retells those that hold a response. */
export function verbatimReader(decoder: StreamDecoder, exchange?: Pick<Exchange, 'retoldFrame'>): AnswerReader {
  const scanner = createStreamScanner(decoder, MAX_EVENT_BYTES);
  if (exchange === undefined) return scanner;
  const retold = (segments: Segment[]): Segment[] => {
    for (const one of segments) if (one.kind === 'events') one.bytes = exchange.retoldFrame(one.bytes);
    return segments;
  };
  return { push: (chunk) => retold(scanner.push(chunk)), end: () => retold(scanner.end()), done: () => scanner.done() };
}

/** Reads the events of a stream that is told anew, in another dialect or with the gate's own rounds in it. */
export function eventReader(decoder: StreamDecoder, framing: Framing): AnswerReader {
  const reader = streamReader(decoder, framing, MAX_EVENT_BYTES);
  let broken = false;
  const read = (events: () => StreamEvent[]): Segment[] => {
    if (broken) return [];
    try {
      return asSegments(events());
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      broken = true;
      return asSegments([{ type: 'error', failure: malformed(error) }]);
    }
  };
  return {
    push: (chunk) => read(() => reader.push(chunk)),
    end() {
      const last = read(() => reader.end());
      return broken ? last : [...last, ...asSegments(decoder.end())];
    },
    done: () => broken || decoder.done(),
  };
}

function asSegments(events: StreamEvent[]): Segment[] {
  return events.length === 0 ? [] : [{ kind: 'events', bytes: '', events, usageOnly: false }];
}

/**
 * The segments of an answer, each batch being what arrived at once: a chunk costs one turn of the event loop and one write
 * to the client, however many frames it holds. Read it to its end or call `return`, which closes its scope.
 */
export class AnswerStream implements AsyncIterableIterator<readonly Segment[]> {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #reader: AnswerReader;
  readonly #scope: CallScope;
  /** Batches that were read before and are told first. */
  #head: (readonly Segment[])[] = [];
  #over = false;
  #taken = 0;

  constructor(body: AsyncIterable<Buffer>, reader: AnswerReader, scope: CallScope) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#reader = reader;
    this.#scope = scope;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Reads on until `enough`; what was read is told again from the beginning. */
  async readAhead(enough: (batch: readonly Segment[]) => boolean): Promise<void> {
    const read: (readonly Segment[])[] = [];
    for (;;) {
      const step = await this.next();
      if (step.done) break;
      read.push(step.value);
      if (enough(step.value)) break;
    }
    this.#head = read;
  }

  async next(): Promise<IteratorResult<readonly Segment[], undefined>> {
    const value = this.#head.shift() ?? (await this.#read());
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  /** Bytes that were read so far. */
  taken(): number {
    return this.#taken;
  }

  /** True where nothing follows the batch that was given last. */
  over(): boolean {
    return this.#head.length === 0 && (this.#over || this.#reader.done());
  }

  async return(): Promise<IteratorResult<readonly Segment[], undefined>> {
    if (!this.#over) {
      this.#close();
      await this.#chunks.return?.();
    }
    this.#head = [];
    return { done: true, value: undefined };
  }

  async #read(): Promise<readonly Segment[] | undefined> {
    try {
      while (!this.#over) {
        if (this.#reader.done()) {
          this.#close();
          // What follows the end mark is the end of the HTTP body, most times in the same packet; a body that is left unread
          // costs the connection.
          void drain(this.#chunks, this.#scope);
          return undefined;
        }
        const step = await this.#chunks.next();
        if (step.done) this.#close();
        else this.#taken += step.value.length;
        const segments = step.done ? this.#reader.end() : this.#reader.push(step.value);
        if (segments.length > 0) return segments;
      }
      return undefined;
    } catch (error) {
      if (!this.#over) {
        this.#close();
        await this.#chunks.return?.();
      }
      throw error;
    }
  }

  #close(): void {
    this.#over = true;
    this.#scope.close();
  }
}

async function drain(chunks: AsyncIterator<Buffer>, scope: CallScope): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    for (let left = MAX_DRAINED; left > 0; ) {
      const next = chunks.next();
      timer ??= setTimeout(() => scope.abort(tooLong()), DRAIN_MS).unref();
      const step = await next;
      if (step.done) return;
      left -= step.value.length;
    }
    await chunks.return?.();
  } catch {
    // The answer was complete before; only the connection is lost.
  } finally {
    clearTimeout(timer);
  }
}

function tooLong(): GatewayError {
  return new GatewayError('upstream_timeout', 'The provider did not finish in time.');
}
