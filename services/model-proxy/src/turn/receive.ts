import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { type Soon, soon } from '@sallyport/chassis/soon';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { join, untrusted } from '@sallyport/turn';
import { createAccumulator } from '../chat/accumulate.ts';
import { CITATION, citationsOf } from '../chat/cited.ts';
import type { FinishReason } from '../chat/finish.ts';
import type { AssistantContent, JsonObject, TextBlock } from '../chat/message.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamEvent } from '../chat/stream.ts';
import type { Usage } from '../chat/usage.ts';
import type { Exchange } from '../responses/exchange.ts';
import { wireCallId } from '../wire/anthropic-messages/content-encode.ts';
import type { Segment } from '../wire/scan.ts';
import type { ModelAnswer, SegmentBatches } from './call.ts';
import type { Gate } from './gate.ts';
import { guardDuring } from './guard-during.ts';
import { tellOpening } from './mcp-items.ts';
import type { Release } from './release.ts';
import { saidAmiss } from './said-amiss.ts';
import { settle } from './settle.ts';
import { modelSource } from './source.ts';
import { costWith, framesWithCost } from './tell-cost.ts';
import type { Turn } from './turn.ts';

/** What the model said, after its text was released; tool calls wait in `content` to be decided. */
export interface Said {
  readonly content: readonly AssistantContent[];
  readonly finish: FinishReason;
  /** True where the whole answer already went to the client as the provider wrote it. */
  readonly delivered: boolean;
  /** The whole answer as the provider gave it, where it may have to be kept. */
  readonly response?: ChatResponse;
  /** The provider's own body, where the client gets it as it is. */
  readonly text?: string;
  /** Frames of it that are still to be sent, with the end of the stream. */
  readonly last?: string;
}

/** Longest answer that is taken, in characters: a provider that never ends must not fill this process. */
const MAX_ANSWER = 64 * 1024 * 1024;

/**
 * Between Call and Decide. Releases text while it comes; from the first piece of a tool call on, calls are held, within
 * bounds, for stage 12. Settles the call exactly once, however it ends. Throws what broke the answer.
 */
export function receive(gate: Gate, turn: Turn, answer: ModelAnswer, release: Release): Soon<Said> {
  turn.provider = answer.target.provider.name;
  turn.upstreamModel = answer.target.model;
  if (turn.exchange === undefined) return receiveContent(gate, turn, answer, release);
  return tellOpening(turn.exchange, release).then(() => receiveContent(gate, turn, answer, release));
}

function receiveContent(gate: Gate, turn: Turn, answer: ModelAnswer, release: Release): Soon<Said> {
  const { content } = answer;
  if (content.kind === 'whole') return receiveWhole(gate, turn, answer, content, release);
  if (content.kind === 'segments') return receiveSegments(gate, turn, answer, content.segments, release);
  if (content.kind === 'operation') throw new TypeError('the answer of an operation is sent by itself');
  return receiveEvents(gate, turn, answer, content.segments, release);
}

function receiveWhole(gate: Gate, turn: Turn, answer: ModelAnswer, whole: Whole, release: Release): Soon<Said> {
  const { response } = whole;
  const { finish, alternatives = [] } = response;
  const end = { usage: response.usage, outputBytes: Buffer.byteLength(whole.text), finish: finish.unified };
  let content: readonly AssistantContent[];
  try {
    content = heldCalls(gate, turn, response.content);
    for (const one of alternatives) refuseCalls(one.content);
    for (const block of content) if (block.type === 'opaque') heardOpaque(turn, block.kind);
  } catch (error) {
    settle(gate, turn, answer, { ...end, outcome: 'error', error: error as GatewayError });
    throw error;
  }
  settle(gate, turn, answer, { ...end, outcome: 'ok' });
  if (response.cites) labelSearched(turn, answer);
  const said = { content, finish, response };
  if (!whole.verbatim || turn.request) return releaseWhole(said, release);
  for (const event of eventsOf(response)) turn.spoken.add(event);
  const told = turn.exchange === undefined ? whole.text : retold(turn.exchange, whole.text, turn);
  return soon(told, (text) => {
    release.whole(text);
    return { ...said, delivered: true, text: whole.text };
  });
}

type Whole = Extract<ModelAnswer['content'], { kind: 'whole' }>;

async function releaseWhole(said: Pick<Said, 'content' | 'finish'> & { response: ChatResponse }, release: Release) {
  for (const event of eventsOf(said.response)) await release.event(guardDuring(event));
  return { ...said, delivered: false };
}

async function receiveSegments(
  gate: Gate,
  turn: Turn,
  answer: ModelAnswer,
  batches: SegmentBatches,
  release: Release,
): Promise<Said> {
  const watch = watching(gate, turn, answer);
  const { tellsCost } = turn.controls;
  const heardSoFar = turn.cache === undefined ? undefined : createAccumulator();
  const hear = (segment: Segment): string => {
    if (segment.kind === 'text') {
      heardSoFar?.add({ type: 'text', delta: segment.text });
      watch.text(segment.text.length);
      turn.spoken.add({ type: 'text', delta: segment.text });
      return segment.bytes;
    }
    let told = segment.bytes;
    for (const event of segment.events) {
      watch.see(guardDuring(event));
      if (event.type === 'toolCallStart') throw notOffered();
      if (tellsCost && event.type === 'usage') told = framesWithCost(told, costWith(turn, answer, event.usage));
      if (event.type === 'opaque') heardOpaque(turn, event.kind);
      heardSoFar?.add(event);
      turn.spoken.add(event);
    }
    // The gate asked for usage, the client did not.
    return segment.usageOnly && !turn.facts.streamUsage && !tellsCost ? '' : told;
  };
  let last = '';
  try {
    for await (const batch of batches) {
      let bytes = '';
      let heard = false;
      try {
        for (const segment of batch) bytes += hear(segment);
        heard = true;
      } finally {
        // What was said before a fault stands.
        if (heard && batches.over?.()) last = bytes;
        else if (bytes !== '') await release.frames(bytes);
      }
    }
    watch.end();
  } catch (error) {
    if (last !== '') await release.frames(last);
    throw watch.failed(error);
  }
  const response = heardSoFar?.response();
  return { content: [], finish: watch.finish(), delivered: true, last, ...(response ? { response } : {}) };
}

async function receiveEvents(
  gate: Gate,
  turn: Turn,
  answer: ModelAnswer,
  batches: SegmentBatches,
  release: Release,
): Promise<Said> {
  const accumulator = createAccumulator();
  const watch = watching(gate, turn, answer);
  let held = 0;
  let calls = 0;
  const hear = (event: StreamEvent): Soon<void> => {
    watch.see(event);
    // One answer was asked for; what a provider says of further ones is nothing that the client could read.
    if ('choice' in event && event.choice !== undefined) return;
    accumulator.add(event);
    if (event.type === 'toolCallStart') {
      if (!turn.request) throw notOffered();
      held += event.id.length + event.name.length;
      if (++calls > gate.config.turn.maxCallsPerMessage) throw tooManyCalls();
    }
    if (event.type === 'opaque') heardOpaque(turn, event.kind);
    if (event.type === 'toolCallDelta') held += event.delta.length;
    if (held > gate.config.turn.maxHeldBytes) {
      throw saidAmiss('The tool calls of the answer are too large.');
    }
    return release.event(guardDuring(event));
  };
  try {
    for await (const batch of batches) {
      for (const segment of batch) {
        for (const event of eventsIn(segment)) {
          const heard = hear(event);
          if (heard instanceof Promise) await heard;
        }
      }
    }
    const response = accumulator.response();
    const content = heldCalls(gate, turn, response.content);
    watch.end();
    return { content, finish: response.finish, delivered: false, response };
  } catch (error) {
    throw watch.failed(error);
  }
}

function eventsIn(segment: Segment): readonly StreamEvent[] {
  return segment.kind === 'events' ? segment.events : [{ type: 'text', delta: segment.text }];
}

/**
 * The content with its calls as they may be decided: not more than the bound, each with an id of its own that the client's
 * dialect can say, since approvals, results and digests go by it. Throws upstream_invalid.
 */
function heldCalls(gate: Gate, turn: Turn, content: readonly AssistantContent[]): readonly AssistantContent[] {
  const calls = content.filter((block) => block.type === 'toolCall');
  if (calls.length === 0) return content;
  if (!turn.request) throw notOffered();
  if (calls.length > gate.config.turn.maxCallsPerMessage) throw tooManyCalls();
  const idOf = (id: string) => (turn.dialect === 'anthropic-messages' ? wireCallId(id) : id);
  if (new Set(calls.map(({ id }) => idOf(id))).size !== calls.length) {
    throw saidAmiss('Two tool calls of the answer have the same id.');
  }
  return content.map((block) => (block.type === 'toolCall' ? { ...block, id: idOf(block.id) } : block));
}

function refuseCalls(content: readonly AssistantContent[]): void {
  if (content.some((block) => block.type === 'toolCall')) throw notOffered();
}

// The request had no tools: a call would be one that nobody declared and nobody decided.
function notOffered(): GatewayError {
  return saidAmiss('The provider called a tool that was not offered.');
}

/**
 * A block that only the dialect knows is a provider's tool at work, or a call that the client is to make for it: without such a
 * tool nobody decided on it.
 */
function heardOpaque(turn: Turn, kind: string): void {
  turn.label = join(turn.label, untrusted('provider:block'));
  if (!kind.endsWith('_call') && !kind.startsWith('mcp_')) return;
  const hidden = new Set(turn.hidden.filter((one) => one.enforced).map((one) => one.tool));
  const isOffered = [...turn.tools.values()].some(
    ({ name, ref }) => ref.kind === ToolRef_Kind.PROVIDER && !hidden.has(name),
  );
  if (!isOffered) throw notOffered();
}

/** A provider's own response, as the client gets it. */
async function retold(exchange: Exchange, text: string, turn: Turn): Promise<string> {
  return await exchange.end(exchange.retoldBody(text), turn);
}

function tooManyCalls(): GatewayError {
  return saidAmiss('The model made more tool calls at once than the gateway takes.');
}

/** An answer that names sources of the web was searched for, whether its model was known to do so or not. */
function labelSearched(turn: Turn, { target }: ModelAnswer): void {
  turn.label = join(turn.label, untrusted(modelSource(target)));
}

/** Follows a stream for usage, finish and the first token, and settles when it ends. */
function watching(gate: Gate, turn: Turn, answer: ModelAnswer) {
  let usage: Usage | undefined;
  let finish: FinishReason = { unified: 'unknown', raw: '' };
  let bytes = 0;
  const close = (outcome: 'ok' | 'error' | 'cancelled', error?: GatewayError) =>
    settle(gate, turn, answer, {
      usage,
      outputBytes: bytes,
      finish: finish.unified,
      outcome,
      ...(error ? { error } : {}),
    });
  const text = (length: number) => {
    bytes += length;
    if (bytes > MAX_ANSWER) throw new GatewayError('upstream_invalid', 'The answer of the provider does not end.');
    if (answer.firstTokenMs === 0) answer.firstTokenMs = performance.now() - answer.startedAt;
  };
  return {
    finish: () => finish,
    text,
    see(event: StreamEvent) {
      switch (event.type) {
        case 'usage':
          usage = event.usage;
          return;
        case 'finish':
          finish = event.finish;
          if (event.cites) labelSearched(turn, answer);
          return;
        case 'error':
          throw new GatewayError(
            event.failure.kind === 'malformed' ? 'upstream_invalid' : 'upstream_error',
            event.failure.kind === 'malformed'
              ? 'The provider broke off or sent what cannot be read.'
              : 'The provider failed in its answer.',
          );
        case 'text':
        case 'reasoning':
        case 'toolCallDelta':
        case 'refusal':
          text(event.delta.length);
          return;
        default:
          return;
      }
    },
    end: () => close('ok'),
    failed(error: unknown): GatewayError {
      const known = turn.signal.aborted ? asGatewayError(turn.signal.reason) : asGatewayError(error);
      const failure =
        known.code === 'internal' && !(error instanceof GatewayError)
          ? new GatewayError('upstream_error', 'The provider broke off.', { cause: error })
          : known;
      close(turn.signal.aborted ? 'cancelled' : 'error', failure);
      return failure;
    },
  };
}

function citing(value: JsonObject): StreamEvent {
  return { type: 'opaque', dialect: 'anthropic-messages', kind: CITATION, value };
}

function textEvent({ text, odds }: TextBlock): StreamEvent {
  return odds === undefined ? { type: 'text', delta: text } : { type: 'text', delta: text, odds };
}

/** A whole answer, block by block, as the events it would have been streamed in, without its tool calls. */
function eventsOf(response: ChatResponse): StreamEvent[] {
  const events: StreamEvent[] = [{ type: 'start', id: response.id, model: response.model }];
  for (const block of response.content) {
    switch (block.type) {
      case 'text':
        events.push(textEvent(block));
        for (const citation of citationsOf(block)) events.push(citing(citation));
        events.push({ type: 'blockStop' });
        break;
      case 'refusal':
        events.push({ type: 'refusal', delta: block.text });
        break;
      case 'reasoning':
        if (block.redacted !== undefined) events.push({ type: 'redacted', data: block.redacted });
        else {
          events.push({ type: 'reasoning', delta: block.text });
          if (block.signature !== undefined) events.push({ type: 'signature', signature: block.signature });
        }
        break;
      case 'opaque':
        events.push({ type: 'opaque', dialect: block.dialect, kind: block.kind, value: block.value });
        break;
      default:
        break;
    }
  }
  return events;
}
