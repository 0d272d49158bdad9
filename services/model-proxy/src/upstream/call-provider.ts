import { GatewayError } from '@sallyport/chassis/errors';
import { readSse } from '@sallyport/chassis/http/sse';
import { inject } from '@sallyport/chassis/tracing';
import type { CredentialUse } from '@sallyport/peers/credentials';
import type { Target } from '../catalog.ts';
import type { ProviderFailure } from '../chat/failure.ts';
import { parseBody } from '../chat/json.ts';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';
import type { Tool } from '../chat/tools.ts';
import { callHeaders } from '../providers/define-provider.ts';
import { failureOfDecode, readFailure } from '../providers/failure.ts';
import type { ModelAnswer } from '../turn/call.ts';
import type { Gate } from '../turn/gate.ts';
import type { Turn } from '../turn/turn.ts';
import { codecs } from '../wire/codec.ts';
import { createStreamScanner, type Segment } from '../wire/scan.ts';
import { upstreamBody } from './upstream-body.ts';

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/** A provider's failure, classed. */
export class ProviderError extends Error {
  readonly failure: ProviderFailure;

  constructor(failure: ProviderFailure, options?: ErrorOptions) {
    super(failure.message, options);
    this.name = 'ProviderError';
    this.failure = failure;
  }
}

/** What the caller wants to be told on the way. */
export interface CallHooks {
  onCredential(reference: string): void;
  /** The body is known: its size in bytes. What is awaited here holds the call back. */
  onBody(bytes: number): Promise<void>;
}

/**
 * Makes one HTTP call to a target. Resolves when a whole answer is read and decoded, or when a stream has begun to say
 * something. Throws ProviderError for what the provider did, GatewayError for what kept the call from being made.
 */
export async function callProvider(
  gate: Gate,
  turn: Turn,
  target: Target,
  tools: readonly Tool[],
  hooks: CallHooks,
): Promise<{ content: ModelAnswer['content']; requestBytes: number; status: number }> {
  const { provider } = target;
  const key = await credentialOf(gate, turn, target, hooks);
  const body = upstreamBody(turn, target, tools);
  await hooks.onBody(body.length);
  const { timeouts } = provider.spec;
  const deadline = AbortSignal.timeout(timeouts.totalSeconds * 1000);
  const signal = AbortSignal.any([turn.signal, deadline]);
  const headers = callHeaders(provider.declaration, key?.value);
  inject((name, value) => {
    headers[name] = value;
  });
  const sent = { requestBytes: body.length };
  try {
    const answer = await gate.upstream.request(provider, {
      method: 'POST',
      path: provider.declaration.paths.chat,
      headers,
      body,
      signal,
    });
    if (answer.status < 200 || answer.status >= 300) {
      const text = await answer.text(MAX_ERROR_BYTES);
      const failure = readFailure(
        provider.declaration,
        answer.status,
        text,
        (name) => headerOf(answer.headers, name),
        Date.now(),
      );
      if (key && (answer.status === 401 || answer.status === 403)) gate.credentials.drop(key.use);
      throw new ProviderError(failure);
    }
    if (turn.facts.stream) {
      const content = await beginStream(turn, target, answer.body, timeouts.firstByteSeconds * 1000, signal);
      return { content, status: answer.status, ...sent };
    }
    const text = await answer.text(MAX_ANSWER_BYTES);
    return { content: readWhole(turn, target, text), status: answer.status, ...sent };
  } catch (error) {
    throw classed(error, turn.signal, deadline);
  }
}

async function credentialOf(gate: Gate, turn: Turn, target: Target, hooks: CallHooks) {
  const { provider } = target;
  const secret = provider.spec.credentials?.secretRef;
  if (!secret) return undefined;
  const use: CredentialUse = {
    tenant: provider.tenant,
    ref: secret,
    kind: 'ModelProvider',
    name: provider.name,
    uid: provider.uid,
    origin: provider.origin,
  };
  const lease = await gate.credentials.lease(use, turn.principal);
  hooks.onCredential(lease.reference);
  return { value: lease.value, use };
}

function readWhole(turn: Turn, target: Target, text: string): ModelAnswer['content'] {
  const { wire } = target.provider.declaration;
  try {
    const response = codecs[wire].decodeResponse(parseBody(text));
    return { kind: 'whole', bytes: Buffer.from(text), response, verbatim: wire === turn.dialect };
  } catch (error) {
    throw new ProviderError(failureOfDecode(error), { cause: error });
  }
}

/** Reads a stream up to its first piece of content, so that a provider that fails before it can be replaced by another. */
async function beginStream(
  turn: Turn,
  target: Target,
  body: AsyncIterable<Buffer>,
  firstByteMs: number,
  signal: AbortSignal,
): Promise<ModelAnswer['content']> {
  const { wire } = target.provider.declaration;
  const decoder = codecs[wire].streamDecoder();
  const verbatim = wire === turn.dialect && !turn.request;
  const segments = verbatim ? scanned(body, decoder) : decoded(body, decoder, signal);
  const iterator = segments[Symbol.asyncIterator]();
  const head: Segment[] = [];
  const late = new GatewayError('upstream_timeout', 'The provider did not begin to answer in time.');
  const timer = timeoutAfter(firstByteMs, late);
  try {
    for (;;) {
      const step = await Promise.race([iterator.next(), timer.over]);
      if (step.done) break;
      head.push(step.value);
      if (step.value.kind === 'text') break;
      const failed = step.value.events.find((event) => event.type === 'error');
      if (failed?.type === 'error') throw new ProviderError(failed.failure);
      if (step.value.events.some((event) => event.type !== 'start' && event.type !== 'usage')) break;
    }
  } catch (error) {
    // Closing waits for the read that is under way, which the signal ends.
    iterator.return?.(undefined).catch(() => {});
    throw error;
  } finally {
    timer.clear();
  }
  const rest = resumed(head, iterator);
  return verbatim ? { kind: 'segments', segments: rest } : { kind: 'events', events: flattened(rest) };
}

/** Events of a stream that is told anew, in another dialect or with the gate's own rounds in it. */
async function* decoded(
  body: AsyncIterable<Buffer>,
  decoder: StreamDecoder,
  signal: AbortSignal,
): AsyncGenerator<Segment> {
  for await (const message of readSse(body, { maxEventBytes: MAX_EVENT_BYTES, signal })) {
    const events = decoder.push(message.data);
    if (events.length > 0) yield { kind: 'events', bytes: '', events, usageOnly: false };
    if (decoder.done) break;
  }
  const events = decoder.end();
  if (events.length > 0) yield { kind: 'events', bytes: '', events, usageOnly: false };
}

/** The provider's own frames, byte for byte, beside what they say. */
async function* scanned(body: AsyncIterable<Buffer>, decoder: StreamDecoder): AsyncGenerator<Segment> {
  const scanner = createStreamScanner(decoder, MAX_EVENT_BYTES);
  for await (const chunk of body) {
    yield* scanner.push(chunk);
    if (scanner.done) break;
  }
  yield* scanner.end();
}

async function* resumed(head: readonly Segment[], iterator: AsyncIterator<Segment>): AsyncGenerator<Segment> {
  try {
    yield* head;
    for (;;) {
      const step = await iterator.next();
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await iterator.return?.(undefined);
  }
}

async function* flattened(segments: AsyncIterable<Segment>): AsyncGenerator<StreamEvent> {
  for await (const segment of segments) if (segment.kind === 'events') yield* segment.events;
}

function timeoutAfter(ms: number, error: GatewayError) {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(error), ms);
  });
  // Nobody may be waiting any more when it ends.
  over.catch(() => {});
  return { over, clear: () => clearTimeout(timer) };
}

function classed(error: unknown, client: AbortSignal, deadline: AbortSignal): unknown {
  if (error instanceof ProviderError || client.aborted) return error;
  if (deadline.aborted)
    return new GatewayError('upstream_timeout', 'The provider did not finish in time.', { cause: error });
  if (error instanceof GatewayError) return error;
  return new GatewayError('upstream_error', 'The provider could not be reached, or broke off.', { cause: error });
}

function headerOf(headers: Readonly<Record<string, string | string[] | undefined>>, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
