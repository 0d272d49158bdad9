import { sleep, within } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import { parseExact } from '@sallyport/peers/exact-json';
import { ASKING, type AskableCall, createAsks } from './asks.ts';
import { lineReader } from './lines.ts';
import {
  type Id,
  isAnswer,
  isObject,
  isRequest,
  type JsonObject,
  type Message,
  type RpcAnswer,
  type RpcNotice,
  type RpcRequest,
  readMessage,
} from './message.ts';
import type { OpenPipe, Pipe } from './pipe.ts';

/** How much a process may do before it is ended. */
export interface BridgeBounds {
  /** Longest message either way, bytes. */
  readonly maxMessageBytes: number;
  /** Requests under way at once. */
  readonly maxPending: number;
  /** Bytes that wait to be taken by the process. */
  readonly maxWriting: number;
  /** Messages that nobody asked for, and bytes that are no message, in ten seconds. */
  readonly maxUnasked: number;
  readonly maxNoise: number;
  /** Bytes of notices and of messages that nobody asked for, in ten seconds: each of them is parsed. */
  readonly maxNotices: number;
  /** Longest time until it runs. */
  readonly startMs: number;
  /** Longest time until it has answered the handshake. */
  readonly handshakeMs: number;
  /** Longest time that it takes nothing of what is written to it. */
  readonly stallMs: number;
}

/** Bounds as they are in service. */
export const bridgeBounds: BridgeBounds = {
  maxMessageBytes: 8 * 1024 * 1024,
  maxPending: 128,
  maxWriting: 32 * 1024 * 1024,
  maxUnasked: 2_000,
  maxNoise: 256 * 1024,
  maxNotices: 16 * 1024 * 1024,
  startMs: 300_000,
  handshakeMs: 60_000,
  stallMs: 30_000,
};

/** A process with which hands were shaken. */
export interface Bridge {
  /** What it said of itself; undefined: it speaks a revision without a handshake. */
  readonly greeting: JsonObject | undefined;
  /** Sends a request under an id of ours and gives its answer under the id that it had. Throws GatewayError. */
  request(request: RpcRequest, signal: AbortSignal, hears?: Hearing): Promise<RpcAnswer>;
  /** Gives the process what somebody answers to a question of its. Throws GatewayError `not_found` for any other. */
  answer(answer: RpcAnswer): void;
  /** Listens to notices that belong to no request. Gives how to stop. */
  listen(listener: (notice: RpcNotice) => void): () => void;
  /** Requests under way. */
  pending(): number;
  /** Ends the process. */
  end(reason: string): void;
}

/** What who made a request hears on the way to its answer. */
export interface Hearing {
  readonly onNotice?: (notice: RpcNotice) => void;
  /** A question for the person it is made for; absent: they cannot be asked. */
  readonly onAsk?: ((question: RpcRequest) => void) | undefined;
}

interface Waiting extends AskableCall {
  readonly id: Id;
  readonly token: unknown;
  readonly resolve: (answer: RpcAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly onNotice: ((notice: RpcNotice) => void) | undefined;
}

/** The last revision with a handshake; a server that knows only older ones says so in its answer. */
const REVISION = '2025-11-25';
/** Whether there is somebody to ask is known with each call; a server that may never ask has fewer tools. */
const CAPABILITIES = { elicitation: { form: {}, url: {} } };
const CLIENT = { name: 'sallyport', version: '0.1.0' };
/** What is asked in nobody's name, so that nothing is asked in its course. */
const OF_NOBODY = /^(initialize|ping|server\/discover|[a-z/]+\/list)$/;
const NOT_OFFERED = -32601;
const WINDOW_MS = 10_000;

/**
 * Opens a process and shakes hands with it, as the one client that it has: its callers are told apart by ids of ours, so
 * that answers never cross. It is offered nothing that it could ask for but what people answer. `onEnd` is called once, with
 * why it ended.
 */
export async function openBridge(
  open: OpenPipe,
  options: {
    readonly bounds: BridgeBounds;
    readonly signal: AbortSignal;
    readonly onEnd: (reason: string) => void;
    /** Told of lines that are no message, which some servers greet with. */
    readonly onNoise?: (line: string) => void;
  },
): Promise<Bridge> {
  const { bounds, onEnd } = options;
  const waiting = new Map<number, Waiting>();
  const listeners = new Set<(notice: RpcNotice) => void>();
  let lastId = 0;
  let ended: string | undefined;
  let pipe: Pipe | undefined;
  let writing = 0;
  let unasked = 0;
  let noise = 0;
  let notices = 0;
  let windowEnd = 0;

  const over = (reason: string) => {
    if (ended !== undefined) return;
    ended = reason;
    pipe?.end();
    const error = new GatewayError('upstream_error', `The tool server ended: ${reason}.`);
    for (const one of waiting.values()) one.reject(error);
    waiting.clear();
    onEnd(reason);
  };
  const spend = (messages: number, bytes: number, told: number) => {
    const now = Date.now();
    if (now > windowEnd) {
      windowEnd = now + WINDOW_MS;
      unasked = 0;
      noise = 0;
      notices = 0;
    }
    unasked += messages;
    noise += bytes;
    notices += told;
    if (unasked > bounds.maxUnasked || notices > bounds.maxNotices) over('it sent too much that nobody asked for');
    else if (noise > bounds.maxNoise) over('it wrote too much that is no message');
  };
  const write = async (message: Message) => {
    if (ended !== undefined || pipe === undefined)
      throw new GatewayError('upstream_error', `The tool server ended: ${ended}.`);
    const data = Buffer.from(`${JSON.stringify(message)}\n`);
    if (data.length > bounds.maxMessageBytes) throw new GatewayError('body_too_large', 'The message is too large.');
    if (writing + data.length > bounds.maxWriting) {
      throw new GatewayError('rate_limited', 'The tool server takes no more calls for the moment.');
    }
    writing += data.length;
    const stalled = new AbortController();
    sleep(bounds.stallMs, stalled.signal).then(
      () => over('it does not read what is written to it'),
      () => undefined,
    );
    try {
      await pipe.write(data);
    } catch (error) {
      over((error as Error).message);
      throw new GatewayError('upstream_error', 'The tool server ended.', { cause: error });
    } finally {
      writing -= data.length;
      stalled.abort();
    }
  };
  const tell = (message: Message) => void write(message).catch(() => undefined);
  const asks = createAsks(tell);

  const onMessage = (message: Message, bytes: number) => {
    if (isAnswer(message)) {
      asks.end(message.id as number);
      const one = waiting.get(message.id as number);
      // Late, for somebody who has gone, or an invention: either way nobody's.
      if (one === undefined) return spend(1, 0, bytes);
      waiting.delete(message.id as number);
      return one.resolve({ ...message, id: one.id });
    }
    if (isRequest(message)) {
      spend(1, 0, bytes);
      const { id, method } = message;
      if (ASKING.has(method) && asks.ask(message)) return;
      if (method === 'ping') return tell({ jsonrpc: '2.0', id, result: {} });
      return tell({ jsonrpc: '2.0', id, error: { code: NOT_OFFERED, message: 'This is not offered here.' } });
    }
    const { method, params } = message;
    if (method === 'notifications/progress') {
      const one = waiting.get(params?.progressToken as number);
      if (one?.token === undefined || one.onNotice === undefined) return spend(1, 0, bytes);
      spend(0, 0, bytes);
      return one.onNotice({ ...message, params: { ...params, progressToken: one.token } });
    }
    spend(1, 0, bytes);
    for (const listener of listeners) listener(message);
  };
  const onData = lineReader({
    maxBytes: bounds.maxMessageBytes,
    onTooLong: () => over(`it wrote a line of more than ${bounds.maxMessageBytes} bytes`),
    onLine(line) {
      if (ended !== undefined || line.length === 0) return;
      const message = parsed(line);
      if (message !== undefined) return onMessage(message, line.length);
      options.onNoise?.(line.subarray(0, 512).toString('utf8'));
      spend(0, line.length, 0);
    },
  });
  pipe = await open({ onData, onEnd: over }, options.signal);
  if (ended !== undefined) pipe.end();

  const request: Bridge['request'] = async (asked, signal, { onNotice, onAsk } = {}) => {
    signal.throwIfAborted();
    if (waiting.size >= bounds.maxPending) {
      throw new GatewayError('rate_limited', 'Too many calls of this tool server are under way.');
    }
    const id = ++lastId;
    const { params } = asked;
    const meta = isObject(params?._meta) ? params._meta : undefined;
    const token = meta?.progressToken;
    const own = token === undefined ? params : { ...params, _meta: { ...meta, progressToken: id } };
    const answer = Promise.withResolvers<RpcAnswer>();
    const { resolve, reject } = answer;
    const one: Waiting = { id: asked.id, token, resolve, reject, onNotice, onAsk };
    waiting.set(id, one);
    if (!OF_NOBODY.test(asked.method)) {
      asks.begin(id, asked.method === 'tools/call' ? one : { onAsk: undefined });
    }
    const cancel = () => {
      if (!waiting.delete(id)) return;
      asks.leave(id);
      answer.reject(signal.reason as Error);
      if (asked.method === 'initialize') return;
      tell({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: 'cancelled' } });
    };
    signal.addEventListener('abort', cancel, { once: true });
    answer.promise.catch(() => undefined);
    try {
      await write({ jsonrpc: '2.0', id, method: asked.method, ...(own === undefined ? {} : { params: own }) });
      return await answer.promise;
    } finally {
      if (waiting.delete(id)) asks.end(id);
      signal.removeEventListener('abort', cancel);
    }
  };

  const shake = async (): Promise<JsonObject | undefined> => {
    const params = { protocolVersion: REVISION, capabilities: CAPABILITIES, clientInfo: CLIENT };
    const answer = await request({ jsonrpc: '2.0', id: 0, method: 'initialize', params }, options.signal);
    // It knows no handshake: it speaks 2026-07-28 or later, where every request stands for itself.
    if (!isObject(answer.result)) return undefined;
    await write({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return answer.result;
  };
  let greeting: JsonObject | undefined;
  try {
    greeting = await within(shake(), bounds.handshakeMs, 'the handshake');
  } catch (error) {
    over(ended ?? `it did not shake hands: ${(error as Error).message}`);
    throw new GatewayError('upstream_error', `The tool server ended: ${ended}.`, { cause: error });
  }
  return {
    greeting,
    request,
    answer: asks.answer,
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    pending: () => waiting.size,
    end: over,
  };
}

function parsed(line: Buffer): Message | undefined {
  try {
    return readMessage(parseExact(line.toString('utf8')));
  } catch {
    return undefined;
  }
}
