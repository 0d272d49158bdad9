import type { Message } from '@bufbuild/protobuf';
import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import { reasonOf } from '../deadline.ts';
import type { AnyServerCall, OpenCall } from './call-context.ts';
import { toStatus } from './error-trailer.ts';
import type { CallContext } from './types.ts';

/** Opens, runs and reports one call: what the four kinds of methods have in common. */
export interface CallScope {
  open(call: AnyServerCall): OpenCall;
  /** Runs the handler in the caller's trace. */
  traced<T>(call: AnyServerCall, fn: () => Promise<T>): Promise<T>;
  /** Told once a call, with undefined for success. */
  done(error: unknown, startedAt: number): void;
  /** Streams that the server ends when it stops. */
  readonly streams: Set<OpenCall>;
}

/** The untyped face of a handler; types are settled at `rpcServer().add`. */
export type AnyHandler = (request: unknown, context: CallContext) => unknown;

/** A handler of a unary or client-streaming method as grpc-js calls it. */
export function answering(handler: AnyHandler, scope: CallScope, streaming: boolean) {
  return async (
    call: ServerUnaryCall<Message, object> | ServerReadableStream<Message, object>,
    callback: sendUnaryData<object>,
  ) => {
    const startedAt = performance.now();
    let opened: OpenCall | undefined;
    try {
      const open = scope.open(call);
      opened = open;
      if (streaming) scope.streams.add(open);
      const request = 'request' in call ? call.request : requestsOf(call);
      if (!streaming) dropFrames(call);
      const answer = await scope.traced(call, async () => handler(request, open.context));
      callback(null, answer as object);
      scope.done(undefined, startedAt);
    } catch (error) {
      scope.done(error, startedAt);
      callback(toStatus(error));
    } finally {
      if (opened !== undefined) scope.streams.delete(opened);
    }
  };
}

/**
 * The request was read, and grpc-js (1.14) holds the bytes that it came in until the call itself is collected: of batches that
 * wait for a database these are megabytes that outlive the young generation. A version that keeps them elsewhere loses nothing.
 */
function dropFrames(call: object): void {
  const { decoder } = (call as { call?: { decoder?: { readPartialMessage?: unknown } } }).call ?? {};
  if (Array.isArray(decoder?.readPartialMessage)) decoder.readPartialMessage = [];
}

/** A handler of a server-streaming or bidirectional method as grpc-js calls it. */
export function streaming(handler: AnyHandler, scope: CallScope) {
  return async (call: ServerWritableStream<Message, object> | ServerDuplexStream<Message, object>) => {
    const startedAt = performance.now();
    let opened: OpenCall | undefined;
    try {
      const open = scope.open(call);
      opened = open;
      scope.streams.add(open);
      const request = 'request' in call ? call.request : requestsOf(call);
      await scope.traced(call, () =>
        pump(handler(request, open.context) as AsyncIterable<object>, call, open.context.signal),
      );
      call.end();
      scope.done(undefined, startedAt);
    } catch (error) {
      scope.done(error, startedAt);
      call.emit('error', toStatus(error));
    } finally {
      if (opened !== undefined) scope.streams.delete(opened);
    }
  };
}

// Without destroyOnReturn: false the call dies when the client half-closes, and the client never gets a status.
function requestsOf(call: ServerReadableStream<Message, object> | ServerDuplexStream<Message, object>) {
  return call.iterator({ destroyOnReturn: false }) as AsyncIterable<Message>;
}

async function pump(
  messages: AsyncIterable<object>,
  call: ServerWritableStream<Message, object> | ServerDuplexStream<Message, object>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  let stopped: Error | undefined;
  let interrupt: ((reason: Error) => void) | undefined;
  // Promise.race would leave a reaction on the promise that loses, for each message of a stream that may last for hours.
  const unlessStopped = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      interrupt = reject;
      if (stopped !== undefined) reject(stopped);
      work.then(resolve, reject);
    });
  const onAbort = () => {
    stopped = reasonOf(signal);
    interrupt?.(stopped);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      const next = await unlessStopped(iterator.next());
      if (next.done === true) return;
      if (!call.write(next.value)) await unlessStopped(drained(call));
    }
  } catch (error) {
    // Not awaited: a generator that waits for something that never comes would hold the call's end back.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function drained(call: ServerWritableStream<Message, object> | ServerDuplexStream<Message, object>): Promise<void> {
  return new Promise((resolve) => call.once('drain', resolve));
}
