import { readSse } from '@sallyport/chassis/http/sse';
import { type CallScope, callScope } from './call-scope.ts';
import { callerOfCall } from './caller.ts';
import { paced } from './pace.ts';
import { isObject } from './plain-exchange.ts';
import type { ServerSend } from './server-send.ts';

/** The stream of the older line that stands beside all calls of a connection: what the server says of its own accord. */
export interface StandingStream {
  /** Holds the stream open until the signal fires; resolves when it has ended, at once where the server offers none. */
  hold(signal: AbortSignal): Promise<void>;
  /** Resolves once the stream that is held is open, or has ended. */
  ready(): Promise<void>;
  close(): void;
}

/** Longest message, and most bytes a second: notices are short, and nobody asked for them. */
const MAX_MESSAGE = 256 * 1024;
const BYTES_A_SECOND = 64 * 1024;

/**
 * Makes it; it is opened by who holds it first and closed with the last, since servers offer one of them to a session.
 * `told` gets requests and notifications: an answer to a request belongs on the stream of that. What the server said while
 * the stream was broken off it says again where it keeps that.
 */
export function standingStream(options: {
  readonly url: URL;
  readonly send: ServerSend;
  /** Headers that name session and revision. */
  readonly headers: () => Record<string, string>;
  readonly told: (message: Record<string, unknown>) => void;
}): StandingStream {
  const { url, send, headers, told } = options;
  const holders = new Set<AbortSignal>();
  let open:
    | { readonly ended: Promise<void>; readonly opened: Promise<void>; readonly ending: AbortController }
    | undefined;
  let lastId: string | undefined;
  let closed = false;

  const read = async (signal: AbortSignal, isOpen: () => void): Promise<void> => {
    const resumes = lastId === undefined ? {} : { 'last-event-id': lastId };
    const head = { accept: 'text/event-stream', ...headers(), ...resumes };
    const answer = await send(url, { method: 'GET', headers: head, signals: [signal], mayForbid: true });
    isOpen();
    const streams = String(answer.headers['content-type'] ?? '').startsWith('text/event-stream');
    if (answer.status !== 200 || !streams) return await answer.discard();
    const events = readSse(paced(answer.body, BYTES_A_SECOND, signal), { maxEventBytes: MAX_MESSAGE, signal });
    for await (const { data, id } of events) {
      if (id !== undefined && id.length <= 1_024) lastId = id;
      const message = parsed(data);
      if (isObject(message) && typeof message.method === 'string') told(message);
    }
  };
  const begin = () => {
    const ending = new AbortController();
    const { principal, mayGoWithout = false } = callScope.getStore() as CallScope;
    const scope: CallScope = { principal, mayGoWithout, signal: ending.signal, credential: '' };
    // Nothing that comes here is of the call which happened to open it.
    let isOpen: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      isOpen = resolve;
    });
    const reading = callerOfCall.exit(() => callScope.run(scope, () => read(ending.signal, isOpen)));
    const one = {
      ending,
      opened,
      ended: reading
        .catch(() => undefined)
        .finally(() => {
          isOpen();
          if (open === one) open = undefined;
        }),
    };
    open = one;
    return one;
  };
  return {
    async hold(signal) {
      if (closed || signal.aborted) return;
      const one = open ?? begin();
      holders.add(signal);
      let left: () => void = () => undefined;
      const leaves = new Promise<void>((resolve) => {
        left = resolve;
        signal.addEventListener('abort', left, { once: true });
      });
      await Promise.race([one.ended, leaves]);
      signal.removeEventListener('abort', left);
      holders.delete(signal);
      if (holders.size === 0) one.ending.abort();
    },
    ready: async () => await open?.opened,
    close() {
      closed = true;
      open?.ending.abort();
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
