import { GatewayError } from '@sallyport/chassis/errors';
import type { Soon } from '@sallyport/chassis/soon';
import type { Target } from '../catalog.ts';
import { capabilitiesOf } from '../catalogue/capabilities.ts';
import type { ProviderFailure } from '../chat/failure.ts';
import type { FinishReason } from '../chat/finish.ts';
import { hasArguments, parseBody } from '../chat/json.ts';
import type { Tool } from '../chat/tools.ts';
import { callHeaders, callPath } from '../providers/define-provider.ts';
import { failureInAnswer, failureOfDecode, readFailure } from '../providers/failure.ts';
import type { ModelAnswer } from '../turn/call.ts';
import type { Gate } from '../turn/gate.ts';
import type { Turn } from '../turn/turn.ts';
import { codecs } from '../wire/codec.ts';
import type { Segment } from '../wire/scan.ts';
import { AnswerStream, eventReader, verbatimReader } from './answer-stream.ts';
import { attributionOf } from './attribution.ts';
import { type CallScope, CallTime, callScope } from './call-scope.ts';
import { providerKey } from './provider-key.ts';
import { spokenTarget } from './spoken-target.ts';
import { upstreamBody } from './upstream-body.ts';

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
/** Most that is held back of a stream before its first content, so that another target can still take its place. */
const MOST_HEAD_EVENTS = 64;
const MOST_HEAD_BYTES = 256 * 1024;

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
  onBody(bytes: number): Soon<void>;
}

/**
 * Makes one HTTP call to a target. Resolves when a whole answer is read and decoded, or when a stream has begun to say
 * something. Throws ProviderError for what the provider did, GatewayError for what kept the call from being made.
 */
export async function callProvider(
  gate: Pick<Gate, 'credentials' | 'upstream'>,
  turn: Turn,
  wanted: Target,
  tools: readonly Tool[],
  hooks: CallHooks,
): Promise<{ content: ModelAnswer['content']; requestBytes: number; status: number }> {
  const leased = providerKey(gate, turn, wanted);
  const key = leased instanceof Promise ? await leased : leased;
  const target = spokenTarget(wanted, turn.dialect);
  const { provider } = target;
  if (key) hooks.onCredential(key.reference);
  const body = upstreamBody(turn, target, tools);
  const taken = hooks.onBody(body.length);
  if (taken instanceof Promise) await taken;
  const scope = callScope(turn.signal);
  const sent = { requestBytes: body.length };
  let streams = false;
  try {
    const time = new CallTime(scope, provider.spec.timeouts, turn.controls.timeoutMs);
    const answer = await gate.upstream.request(provider, {
      method: 'POST',
      path: callPath(provider.declaration, target.model, turn.facts.stream),
      headers: headersOf(turn, target),
      key: key?.value,
      body,
      signal: scope.signal,
    });
    if (answer.status < 200 || answer.status >= 300) {
      const text = await answer.text(MAX_ERROR_BYTES);
      const header = (name: string) => headerOf(answer.headers, name);
      const failure = readFailure(provider.declaration, answer.status, text, header, Date.now());
      if (answer.status === 401 || answer.status === 403) key?.refused();
      throw new ProviderError(failure);
    }
    if (turn.facts.stream) {
      time.untilBegun();
      const content = await beginStream(turn, target, answer.body, scope);
      time.begun();
      streams = true;
      return { content, status: answer.status, ...sent };
    }
    const read = answer.text(MAX_ANSWER_BYTES);
    const text = read instanceof Promise ? await read : read;
    return { content: readWhole(turn, target, text), status: answer.status, ...sent };
  } catch (error) {
    if (error instanceof ProviderError || error instanceof GatewayError) throw error;
    throw new GatewayError('upstream_error', 'The provider could not be reached, or broke off.', { cause: error });
  } finally {
    if (!streams) scope.close();
  }
}

/** Those of a client of the same dialect go along that mean something to the provider; never identity, never ours. */
function headersOf(turn: Turn, target: Target): Record<string, string> {
  const { declaration } = target.provider;
  const headers = callHeaders(declaration, target.provider.spec.headers);
  const told = attributionOf(turn, target.provider);
  if (told !== undefined) Object.assign(headers, told.headers);
  if (declaration.wire !== turn.dialect) return headers;
  for (const name of declaration.passHeaders) {
    const value = headerOf(turn.headers, name);
    if (value !== undefined) headers[name] = value;
  }
  return headers;
}

function readWhole(turn: Turn, target: Target, text: string): ModelAnswer['content'] {
  const { declaration } = target.provider;
  const { wire } = declaration;
  try {
    const isText = wire === 'openai-chat' || wire === 'openai-responses';
    // Without tools there are no calls.
    const body = parseBody(text, turn.request !== undefined && (!isText || hasArguments(text)));
    const failure = failureInAnswer(declaration, body);
    if (failure) throw new ProviderError(failure);
    const response = codecs[wire].decodeResponse(body);
    const said = response.content.some((block) => block.type !== 'text' || block.text !== '');
    if (!said && isWithheld(turn, response.finish)) throw filtered();
    return { kind: 'whole', text, response, verbatim: goesAsItIs(turn, target) };
  } catch (error) {
    throw new ProviderError(failureOfDecode(error), { cause: error });
  }
}

/** What a model found by itself is looked at before it is shown: its links are an outsider's. */
function goesAsItIs(turn: Turn, target: Target): boolean {
  return target.provider.declaration.wire === turn.dialect && !capabilitiesOf(target).retrieves;
}

/** Reads a stream up to its first piece of content, so that a provider that fails before it can be replaced by another. */
async function beginStream(
  turn: Turn,
  target: Target,
  body: AsyncIterable<Buffer>,
  scope: CallScope,
): Promise<ModelAnswer['content']> {
  const { wire } = target.provider.declaration;
  const { framing, streamDecoder } = codecs[wire];
  const decoder = streamDecoder();
  const verbatim = goesAsItIs(turn, target) && !turn.request;
  const reader = verbatim ? verbatimReader(decoder, turn.exchange) : eventReader(decoder, framing);
  const stream = new AnswerStream(body, reader, scope);
  try {
    const head = { events: 0 };
    const begins = (segment: Segment) => hasContent(segment, turn);
    await stream.readAhead((batch) => batch.some(begins) || isLong(head, batch, stream));
  } catch (error) {
    await stream.return();
    throw error;
  }
  return { kind: verbatim ? 'segments' : 'events', segments: stream };
}

/** A provider that says much and nothing is taken as it is: what is held back is bounded, and the client waits. */
function isLong(head: { events: number }, batch: readonly Segment[], stream: AnswerStream): boolean {
  for (const segment of batch) head.events += segment.kind === 'events' ? Math.max(1, segment.events.length) : 1;
  return head.events >= MOST_HEAD_EVENTS || stream.taken() >= MOST_HEAD_BYTES;
}

/** Throws ProviderError for a failure that stands before any content. */
function hasContent(segment: Segment, turn: Turn): boolean {
  if (segment.kind === 'text') return true;
  for (const event of segment.events) {
    if (event.type === 'error') throw new ProviderError(event.failure);
    if (event.type === 'finish' && isWithheld(turn, event.finish)) throw filtered();
    if (event.type !== 'start' && event.type !== 'usage') return true;
  }
  return false;
}

/**
 * Whether an answer in which nothing is said was held back by the provider's filter, where another target may be tried for
 * it; elsewhere the client is told so as its dialect has it.
 */
function isWithheld({ routed, wish }: Turn, { unified }: FinishReason): boolean {
  if (unified !== 'content_filter') return false;
  return routed?.routing.triesOther === true || (wish?.byCause.ContentPolicy?.length ?? 0) > 0;
}

function filtered(): ProviderError {
  return new ProviderError({ kind: 'content_policy', retryable: false, message: '', status: 200 });
}

function headerOf(headers: Readonly<Record<string, string | string[] | undefined>>, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
