import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { sseWriter } from '@sallyport/chassis/http/sse';
import { isObject } from './message.ts';

/** An answer that is one JSON body, unless it has to be waited for: then it becomes a stream that shows it is alive. */
export interface LateStream {
  /** Tells the client that its request is being worked on, now and until the end. Does nothing where it takes no stream. */
  waits(message: string): Promise<void>;
  /** Sends the last message on the stream; false where none was opened. */
  end(body: object): boolean;
}

const KEEP_ALIVE_MS = 8_000;

/** Makes the late stream of one request. `body` is the JSON-RPC message that is answered, `head` what the answer tells. */
export function lateStream(
  req: IncomingMessage,
  res: ServerResponse,
  body: unknown,
  head: OutgoingHttpHeaders,
): LateStream {
  const accepts = /text\/event-stream/i.test(req.headers.accept ?? '') && !Array.isArray(body);
  const token = progressToken(body);
  let stream: ReturnType<typeof sseWriter> | undefined;
  let progress = 0;
  return {
    async waits(message) {
      if (!accepts || res.destroyed) return;
      if (stream === undefined) {
        stream = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
        stream.open(head);
      }
      if (token === undefined) return void (await stream.comment(message));
      const params = { progressToken: token, progress: ++progress, message };
      const notice = { jsonrpc: '2.0', method: 'notifications/progress', params };
      await stream.event('message', JSON.stringify(notice));
    },
    end(answer) {
      if (stream === undefined) return false;
      const { end } = stream;
      // Whatever became of the event is not what the stream ends with.
      const close = () => end();
      void stream.event('message', JSON.stringify(answer)).then(close, close);
      return true;
    },
  };
}

function progressToken(body: unknown): string | number | undefined {
  const params = isObject(body) ? body.params : undefined;
  const meta = isObject(params) ? params._meta : undefined;
  const token = isObject(meta) ? meta.progressToken : undefined;
  return typeof token === 'string' || Number.isSafeInteger(token) ? (token as string | number) : undefined;
}
