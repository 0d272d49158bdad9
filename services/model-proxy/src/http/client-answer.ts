import type { ServerResponse } from 'node:http';
import { drained } from '@sallyport/chassis/http/drained';
import { EVENT_STREAM_HEAD, type SseWriter, sseWriter } from '@sallyport/chassis/http/sse';
import type { Soon } from '@sallyport/chassis/soon';

/**
 * The answer to the client: one JSON body, or a stream of frames. Headers can be set until the first byte. What is made for
 * each request has methods here and elsewhere in this service, and no getters: a getter in an object literal gives each
 * object a hidden class of its own, which lives in the old generation and keeps the whole request there with it.
 */
export interface ClientAnswer {
  /** True once the client is gone. */
  gone(): boolean;
  /** Calls back when the client goes before it has its whole answer; one listener. */
  onGone(listener: () => void): void;
  /** True once the first byte went out: from here on errors belong into the stream. */
  started(): boolean;
  /** Sets a header, in the place of one of the same name. What no header can hold goes percent-encoded (RFC 3986 §2.1). */
  header(name: string, value: string): void;
  /** Sends a whole body and ends. */
  json(status: number, body: string): void;
  /**
   * Sends frames of a stream, opening it first, in one write with what follows them at once: a promise only where the client
   * reads slowly. Throws once where those before them could not be written.
   */
  frames(frames: string | Buffer): Soon<void>;
  /** An SSE comment, also for keeping a silent connection alive; blank lines for clients that take comments for events. */
  comment(text: string): Promise<void>;
  /** Sends the last frames of a stream, if there are any, and ends it; nothing where it has ended. Throws as `frames` does. */
  end(last?: string): void;
}

/** An answer that may be something else than JSON and a stream of events. */
export interface AnyAnswer extends ClientAnswer {
  /** Sends a whole body of a type and ends. */
  whole(contentType: string, body: string | Buffer): void;
  /** Sends bytes of a type as they come, and ends; waits where the client reads slowly. */
  relay(contentType: string, pieces: AsyncIterable<string | Buffer>): Promise<void>;
  /** True once a stream of events was opened: from here on errors are told in it. */
  streamsEvents(): boolean;
}

const KEEP_ALIVE_MS = 15_000;

/**
 * Wraps a response; `head` are headers that go out in any case, names and values in turn: it is kept and added to. With
 * `uncommented` its stream has no comments.
 */
export function clientAnswer(res: ServerResponse, head: string[] = [], uncommented = false): AnyAnswer {
  return new Answer(res, head, uncommented);
}

/** A response as what takes headers, for those who render its failure. */
export function headed(res: ServerResponse): Pick<ClientAnswer, 'header'> {
  return { header: (name, value) => void res.setHeader(name, value) };
}

/** What is outside of printable ASCII (RFC 9110 §5.5): names that a provider gives its models may be in any script. */
const NOT_OF_HEADERS = /[^\t\x20-\x7e]/;

function encoded(value: string): string {
  return value.toWellFormed().replace(/[^\t\x20-\x7e]+/g, encodeURIComponent);
}

class Answer implements AnyAnswer {
  readonly #res: ServerResponse;
  /**
   * Kept here until the head is written: each `setHeader` costs what writing it costs once more. A list, since an object
   * under names that come one by one is made anew with every third.
   */
  readonly #head: string[];
  readonly #uncommented: boolean;
  #stream: SseWriter | undefined;
  /** Frames that wait for those behind them until what is under way has run, and no longer. */
  #held = '';
  /** What those that were held before them wait for: that a slow client reads on. */
  #read: Promise<void> | undefined;
  /** Why held frames could not be written, until somebody is told. */
  #fault: unknown;
  #gone = false;
  #onGone: (() => void) | undefined;

  constructor(res: ServerResponse, head: string[], uncommented: boolean) {
    this.#res = res;
    this.#head = head;
    this.#uncommented = uncommented;
    res.on('close', () => this.#closed());
  }

  #closed(): void {
    if (this.#res.writableFinished) return;
    this.#gone = true;
    this.#onGone?.();
  }

  gone(): boolean {
    return this.#gone;
  }

  onGone(listener: () => void): void {
    if (this.#gone) listener();
    else this.#onGone = listener;
  }

  started(): boolean {
    return this.#res.headersSent || this.#held !== '';
  }

  header(name: string, said: string): void {
    const value = NOT_OF_HEADERS.test(said) ? encoded(said) : said;
    const head = this.#head;
    for (let at = 0; at < head.length; at += 2) {
      if (head[at] !== name) continue;
      head[at + 1] = value;
      return;
    }
    head.push(name, value);
  }

  json(status: number, body: string): void {
    this.#send(status, 'application/json', body);
  }

  whole(contentType: string, body: string | Buffer): void {
    this.header('x-content-type-options', 'nosniff');
    this.#send(200, contentType, body);
  }

  async relay(contentType: string, pieces: AsyncIterable<string | Buffer>): Promise<void> {
    const res = this.#res;
    for await (const piece of pieces) {
      if (res.destroyed) return;
      if (!res.headersSent) {
        this.#head.push('content-type', contentType, 'x-content-type-options', 'nosniff');
        res.writeHead(200, this.#head);
      }
      if (!res.write(piece)) await drained(res);
    }
    if (!res.destroyed) res.end();
  }

  streamsEvents(): boolean {
    return this.#stream !== undefined || this.#held !== '';
  }

  #send(status: number, contentType: string, body: string | Buffer): void {
    if (this.#res.destroyed) return;
    const head = this.#head;
    head.push('content-type', contentType, 'content-length', String(Buffer.byteLength(body)));
    this.#res.writeHead(status, head);
    // A string goes out in one write with the head; bytes would be a second.
    this.#res.end(body);
  }

  frames(frames: string | Buffer): Soon<void> {
    if (this.#over()) return;
    if (typeof frames !== 'string') {
      this.#tellHeld();
      return this.#open().raw(frames);
    }
    if (this.#held === '') process.nextTick(() => this.#tellLate());
    this.#held += frames;
    return this.#read;
  }

  async comment(text: string): Promise<void> {
    if (this.#res.destroyed || this.#res.writableEnded) return;
    this.#tellHeld();
    await this.#open().comment(text);
  }

  end(last = ''): void {
    const frames = this.#held + last;
    this.#held = '';
    if (this.#over()) return;
    if (this.#stream) {
      this.#stream.end(frames);
      return;
    }
    // All of it at once: with its length said, one write takes head and frames together.
    this.#head.push(...EVENT_STREAM_HEAD, 'content-length', String(Buffer.byteLength(frames)));
    this.#res.writeHead(200, this.#head);
    this.#res.end(frames);
  }

  /** True where nothing more can be said. Throws what kept held frames from being written, once. */
  #over(): boolean {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault !== undefined) throw fault;
    return this.#res.destroyed || this.#res.writableEnded;
  }

  #tellHeld(): void {
    const frames = this.#held;
    this.#held = '';
    if (frames === '' || this.#res.destroyed) return;
    const read = this.#open().raw(frames);
    this.#read = this.#res.writableNeedDrain ? read : undefined;
  }

  #tellLate(): void {
    try {
      this.#tellHeld();
    } catch (error) {
      // Who says or ends something next is told, and can log it; the client has waited for what will not come.
      this.#fault = error;
      this.#res.destroy();
    }
  }

  #open(): SseWriter {
    if (!this.#stream) {
      this.#stream = sseWriter(this.#res, { keepAliveMs: KEEP_ALIVE_MS, uncommented: this.#uncommented });
      // The first frame is at hand: one packet for both.
      this.#stream.open(this.#head, { flush: false });
    }
    return this.#stream;
  }
}
