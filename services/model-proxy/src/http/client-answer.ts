import { type SseWriter, sseWriter } from '@sallyport/chassis/http/sse';
import type { Response } from 'express';

/**
 * The answer to the client: one JSON body, or a stream of frames. Headers can be set until the first byte. What is made for
 * each request has methods here and elsewhere in this service, and no getters: a getter in an object literal gives each
 * object a hidden class of its own, which lives in the old generation and keeps the whole request there with it.
 */
export interface ClientAnswer {
  /** Ends when the client is gone. */
  readonly gone: AbortSignal;
  /** True once the first byte went out: from here on errors belong into the stream. */
  started(): boolean;
  header(name: string, value: string): void;
  /** Sends a whole body and ends. */
  json(status: number, body: string): void;
  /** Sends frames of a stream, opening it first; waits where the client reads slowly. */
  frames(frames: string | Buffer): Promise<void>;
  /** An SSE comment, also for keeping a silent connection alive. */
  comment(text: string): Promise<void>;
  /** Ends a stream. */
  end(): void;
}

const KEEP_ALIVE_MS = 15_000;

/** Wraps an express response. */
export function clientAnswer(res: Response): ClientAnswer {
  const gone = new AbortController();
  let stream: SseWriter | undefined;
  res.once('close', () => {
    if (!res.writableFinished) gone.abort(new DOMException('The client is gone.', 'AbortError'));
  });
  const open = (): SseWriter => {
    if (!stream) {
      stream = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
      // The first frame is at hand: one packet for both.
      stream.open({}, { flush: false });
    }
    return stream;
  };
  return {
    gone: gone.signal,
    started: () => res.headersSent,
    header(name, value) {
      if (!res.headersSent) res.setHeader(name, value);
    },
    json(status, body) {
      res.statusCode = status;
      res.setHeader('content-type', 'application/json');
      // A string goes out in one write with the head; bytes would be a second.
      res.end(body);
    },
    frames: (frames) => open().raw(frames),
    comment: (text) => open().comment(text),
    end() {
      open().end();
    },
  };
}
