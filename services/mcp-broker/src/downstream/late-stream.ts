import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { sseWriter } from '@sallyport/chassis/http/sse';
import { isObject, messageText } from './message.ts';

/** An answer that is one JSON body, unless it has to be waited for: then it becomes a stream that shows it is alive. */
export interface LateStream {
  /** Tells the client that its request is being worked on, now and until the end. Does nothing where it takes no stream. */
  waits(message: string): Promise<void>;
  /** Tells how far a request has come, where the client wants to know; absent: it does not. */
  readonly progress?: (done: number, total: number | undefined) => void;
  /** Sends a notification on the stream of the answer; false where the client takes no stream. */
  notify(method: string, params: object): Promise<boolean>;
  /** Sends a request to the client on the stream of the answer; false where it takes no stream. */
  request(id: string, method: string, params: object): Promise<boolean>;
  /** Sends the last message on the stream, or none; false where no stream was opened. */
  end(body?: object): boolean;
}

const KEEP_ALIVE_MS = 8_000;
/** Most notices of progress of one request. */
const MAX_PROGRESS = 10_000;

/** Makes the late stream of one request. `body` is the JSON-RPC message that is answered, `head` what the answer tells. */
export function lateStream(
  req: IncomingMessage,
  res: ServerResponse,
  body: unknown,
  head: OutgoingHttpHeaders,
): LateStream {
  const accepts = /text\/event-stream/i.test(req.headers.accept ?? '') && !Array.isArray(body);
  const token = accepts ? progressToken(body) : undefined;
  let stream: ReturnType<typeof sseWriter> | undefined;
  let waited = 0;
  // A server may begin to count at nothing.
  let last = -1;
  let told = 0;
  const opened = () => {
    if (stream === undefined) {
      stream = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
      stream.open(head);
    }
    return stream;
  };
  const send = (method: string, params: object) =>
    opened().event('message', JSON.stringify({ jsonrpc: '2.0', method, params }));
  return {
    async waits(message) {
      if (!accepts || res.destroyed) return;
      if (token === undefined) return await opened().comment(message);
      last = ++waited;
      await send('notifications/progress', { progressToken: token, progress: last, message });
    },
    ...(token === undefined
      ? {}
      : {
          progress(done, total) {
            // Beyond what waiting has counted, and only ever more. Who does not read is told less.
            const progress = waited + done;
            if (!(progress > last) || ++told > MAX_PROGRESS || res.destroyed || res.writableNeedDrain) return;
            last = progress;
            const of = total === undefined ? {} : { total: waited + total };
            void send('notifications/progress', { progressToken: token, progress, ...of });
          },
        }),
    async notify(method, params) {
      if (!accepts || res.destroyed) return false;
      await send(method, params);
      return true;
    },
    async request(id, method, params) {
      if (!accepts || res.destroyed) return false;
      await opened().event('message', JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return true;
    },
    end(answer) {
      if (stream === undefined) return false;
      const { end } = stream;
      if (answer === undefined) {
        end();
        return true;
      }
      // Whatever became of the event is not what the stream ends with.
      const close = () => end();
      void stream.event('message', messageText(answer)).then(close, close);
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
