import { GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import { sseParser } from '@sallyport/chassis/http/sse';
import type { Target } from '../catalog.ts';
import { DecodeError, malformed } from '../chat/failure.ts';
import { parseObject } from '../chat/json.ts';
import type { Usage } from '../chat/usage.ts';
import { callHeaders, type ProviderDeclaration } from '../providers/define-provider.ts';
import { failureInAnswer, readFailure } from '../providers/failure.ts';
import type { Gate } from '../turn/gate.ts';
import type { Answered, OperationEnd, StreamedAnswer, WholeAnswer } from '../turn/operation.ts';
import type { Turn } from '../turn/turn.ts';
import { attributionOf } from '../upstream/attribution.ts';
import { type CallHooks, ProviderError } from '../upstream/call-provider.ts';
import { type CallScope, CallTime, callScope } from '../upstream/call-scope.ts';
import { providerKey } from '../upstream/provider-key.ts';
import { type Framing, payloadReader } from '../wire/framing.ts';
import type { Asked, EventReading, Exchange } from './operation-kind.ts';
import { leftOutOf } from './paths.ts';

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
/** Pictures come in one event each. */
const MAX_EVENT_BYTES = 32 * 1024 * 1024;
const EVENTS = 'text/event-stream';

/**
 * Makes the call of an operation to a target. Resolves when a whole answer is read, or when a stream has brought its first
 * bytes. Throws ProviderError for what the provider did, GatewayError for what kept the call from being made.
 */
export async function callOperation(
  gate: Pick<Gate, 'credentials' | 'upstream'>,
  turn: Turn,
  target: Target,
  asked: Asked,
  hooks: CallHooks,
): Promise<Answered> {
  const { provider } = target;
  const told = attributionOf(turn, provider);
  const exchange = asked.exchange(target, {
    withheld: leftOutOf(provider.declaration),
    fields: told?.fields ?? {},
    mostTokens: turn.model.spec.maxOutputTokens,
  });
  const key = await providerKey(gate, turn, target);
  if (key) hooks.onCredential(key.reference);
  const requestBytes = exchange.body.length;
  await hooks.onBody(requestBytes);
  const scope = callScope(turn.signal);
  let streams = false;
  try {
    const time = new CallTime(scope, provider.spec.timeouts, turn.controls.timeoutMs);
    const answer = await gate.upstream.request(provider, {
      method: 'POST',
      path: exchange.path,
      headers: {
        ...callHeaders(provider.declaration, provider.spec.headers),
        ...told?.headers,
        'content-type': exchange.contentType,
      },
      key: key?.value,
      body: exchange.body,
      signal: scope.signal,
    });
    if (answer.status < 200 || answer.status >= 300) {
      const text = await answer.text(MAX_ERROR_BYTES);
      if (answer.status === 401 || answer.status === 403) key?.refused();
      const header = (name: string) => headerOf(answer, name);
      throw new ProviderError(readFailure(provider.declaration, answer.status, text, header, Date.now()));
    }
    const guess = (): OperationEnd => ({ usage: asked.estimate(requestBytes), estimated: true });
    if (exchange.answer.kind === 'whole') {
      const content = await readWhole(answer, provider.declaration, exchange.answer.read, guess);
      return { content, requestBytes, status: answer.status };
    }
    time.untilBegun();
    const content = await begin(answer, exchange, scope, guess);
    time.begun();
    streams = true;
    return { content, requestBytes, status: answer.status };
  } catch (error) {
    if (error instanceof DecodeError) throw new ProviderError(malformed(error), { cause: error });
    if (error instanceof ProviderError || error instanceof GatewayError) throw error;
    throw new GatewayError('upstream_error', 'The provider could not be reached, or broke off.', { cause: error });
  } finally {
    if (!streams) scope.close();
  }
}

async function readWhole(
  answer: OutboundResponse,
  declaration: ProviderDeclaration,
  read: Extract<Exchange['answer'], { kind: 'whole' }>['read'],
  guess: () => OperationEnd,
): Promise<WholeAnswer> {
  const text = await answer.text(MAX_ANSWER_BYTES);
  // Some tell a failure with status 200; it is short.
  const said = text.length < MAX_ERROR_BYTES ? parseObject(text) : undefined;
  const failure = said && failureInAnswer(declaration, said);
  if (failure) throw new ProviderError(failure);
  const { body, contentType = 'application/json', usage, words = [] } = read(text);
  return {
    kind: 'operation',
    body,
    contentType,
    words,
    end: usage === undefined ? guess() : { usage, estimated: false },
  };
}

/** Waits for the first piece, so that a provider that fails before it can be replaced by another. */
async function begin(
  answer: OutboundResponse,
  { answer: reading }: Exchange,
  scope: CallScope,
  guess: () => OperationEnd,
): Promise<StreamedAnswer> {
  const known = (usage: Usage | undefined) => (usage === undefined ? guess() : { usage, estimated: false });
  if (reading.kind === 'events') {
    const { reader, framing = 'sse' } = reading;
    const pieces = await begun(frames(answer.body, reader, framing), scope);
    return {
      kind: 'operation',
      contentType: EVENTS,
      pieces,
      taken: () => known(reader.usage()),
      words: () => reader.words?.() ?? [],
    };
  }
  const { usage } = reading as { usage: Usage };
  const pieces = await begun(bytesOf(answer.body), scope);
  return { kind: 'operation', contentType: soundType(answer), pieces, taken: () => known(usage) };
}

/** A provider's page must not become one of ours. */
function soundType(answer: OutboundResponse): string {
  const type = headerOf(answer, 'content-type') ?? '';
  return /^audio\/[\w.+-]+/i.exec(type)?.[0] ?? 'application/octet-stream';
}

async function* bytesOf(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* body;
}

async function* frames(body: AsyncIterable<Buffer>, reader: EventReading, framing: Framing): AsyncGenerator<string> {
  const parser = eventParser(framing);
  for await (const chunk of body) {
    const text = parser.feed(chunk).map(reader.push).join('');
    if (text !== '') yield text;
  }
  const last = parser.end().map(reader.push).join('') + reader.end();
  if (last !== '') yield last;
}

function eventParser(framing: Framing): ReturnType<typeof sseParser> {
  if (framing === 'sse') return sseParser({ maxEventBytes: MAX_EVENT_BYTES });
  const reader = payloadReader(framing, MAX_EVENT_BYTES);
  const events = (payloads: readonly string[]) => payloads.map((data) => ({ data }));
  return { feed: (chunk) => events(reader.push(chunk)), end: () => events(reader.end()) };
}

/** The pieces again once the first has come; the scope is closed when they are over. Rejects where there is none. */
async function begun<T extends string | Buffer>(
  pieces: AsyncGenerator<T>,
  scope: CallScope,
): Promise<AsyncIterableIterator<T>> {
  const first = await pieces.next();
  if (first.done) throw new GatewayError('upstream_invalid', 'The provider sent nothing.');
  return (async function* () {
    try {
      yield first.value;
      yield* pieces;
    } finally {
      scope.close();
    }
  })();
}

function headerOf({ headers }: OutboundResponse, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
