import type { Message } from '@bufbuild/protobuf';
import type { Client, ClientDuplexStream, ClientReadableStream, Metadata, ServiceError } from '@grpc/grpc-js';
import { reasonOf } from '../deadline.ts';
import type { EndSignal } from '../ending.ts';
import { asGatewayError } from '../errors.ts';
import type { MethodWire } from './definition.ts';
import { fromStatus } from './error-trailer.ts';
import type { BidiHandle, CallOptions } from './types.ts';

/** What all calls of one method share. */
export interface CallWire {
  readonly client: Client;
  readonly method: MethodWire;
  readonly metadata: (options: CallOptions) => Metadata;
}

const deadlineOf = (options: CallOptions) =>
  options.timeoutMs === Number.POSITIVE_INFINITY ? {} : { deadline: Date.now() + options.timeoutMs };

/** Cancels the call when the signal fires; returns what undoes that. */
function cancelOn(signal: EndSignal | undefined, call: { cancel(): void }): () => void {
  if (signal === undefined) return () => undefined;
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}

function failureOf(error: unknown, wire: CallWire, options: CallOptions): Error {
  if (options.signal?.aborted) return reasonOf(options.signal);
  return error instanceof Error && 'code' in error && 'metadata' in error
    ? fromStatus(error as ServiceError, wire.method.name, options.timeoutMs)
    : asGatewayError(error);
}

/** One request, one answer. */
export function unaryCall(wire: CallWire, request: object, options: CallOptions): Promise<Message> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(reasonOf(options.signal));
    const { path, requestSerialize, responseDeserialize } = wire.method;
    const call = wire.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      wire.metadata(options),
      deadlineOf(options),
      (error, answer) => {
        release();
        if (error === null) resolve(answer as Message);
        else reject(failureOf(error, wire, options));
      },
    );
    const release = cancelOn(options.signal, call);
  });
}

/** One request, many answers. The call is made now; leaving the iteration early cancels it. */
export function serverStreamCall(wire: CallWire, request: object, options: CallOptions): AsyncIterable<Message> {
  if (options.signal?.aborted) return failing(reasonOf(options.signal));
  const { path, requestSerialize, responseDeserialize } = wire.method;
  const call = wire.client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    wire.metadata(options),
    deadlineOf(options),
  );
  return incoming(call, wire, options);
}

/** Many requests, one answer. */
export function clientStreamCall(
  wire: CallWire,
  requests: AsyncIterable<object>,
  options: CallOptions,
): Promise<Message> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(reasonOf(options.signal));
    const { path, requestSerialize, responseDeserialize } = wire.method;
    let ended = false;
    const call = wire.client.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      wire.metadata(options),
      deadlineOf(options),
      (error, answer) => {
        ended = true;
        release();
        // Frees a writer that waits for `drain` on a call that is over.
        call.emit('drain');
        if (error === null) resolve(answer as Message);
        else reject(failureOf(error, wire, options));
      },
    );
    const release = cancelOn(options.signal, call);
    const send = async () => {
      for await (const request of requests) {
        if (ended) return;
        if (!call.write(request)) await new Promise((go) => call.once('drain', go));
      }
      if (!ended) call.end();
    };
    send().catch((error: unknown) => {
      call.cancel();
      reject(asGatewayError(error));
    });
  });
}

/** Many requests, many answers. */
export function bidiCall(wire: CallWire, options: CallOptions): BidiHandle<object, Message> {
  const { path, requestSerialize, responseDeserialize } = wire.method;
  const call: ClientDuplexStream<object, Message> = wire.client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    wire.metadata(options),
    deadlineOf(options),
  );
  let failure: Error | undefined;
  const blocked = new Set<() => void>();
  const release = () => {
    for (const go of blocked) go();
    blocked.clear();
  };
  call.on('error', (error) => {
    failure ??= failureOf(error, wire, options);
    release();
  });
  call.on('status', release);
  call.on('drain', release);
  const messages = incoming(call, wire, options);
  if (options.signal?.aborted) call.cancel();
  return {
    async send(message) {
      if (failure !== undefined) throw failure;
      if (call.write(message)) return;
      await new Promise<void>((go) => blocked.add(go));
      if (failure !== undefined) throw failure;
    },
    end: () => void call.end(),
    cancel: () => call.cancel(),
    messages,
  };
}

/** The messages of a stream; its failure is thrown at the end, even when it came before anyone listened. */
function incoming(
  call: ClientReadableStream<Message> | ClientDuplexStream<object, Message>,
  wire: CallWire,
  options: CallOptions,
): AsyncIterable<Message> {
  let failure: Error | undefined;
  const release = cancelOn(options.signal, call);
  // grpc-js ends the readable side first and emits the error then: who only iterates could take it for a clean end.
  const settled = new Promise<void>((resolve) => {
    call.on('status', () => {
      release();
      resolve();
    });
    call.on('error', (error) => {
      failure ??= failureOf(error, wire, options);
      release();
      resolve();
    });
  });
  return {
    async *[Symbol.asyncIterator]() {
      let finished = false;
      try {
        for await (const message of call) yield message as Message;
        finished = true;
        await settled;
      } catch (error) {
        throw failure ?? failureOf(error, wire, options);
      } finally {
        if (!finished) call.cancel();
      }
      if (failure !== undefined) throw failure;
    },
  };
}

function failing(error: Error): AsyncIterable<Message> {
  return {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
  };
}
