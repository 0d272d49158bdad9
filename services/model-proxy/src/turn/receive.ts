import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { createAccumulator } from '../chat/accumulate.ts';
import type { FinishReason } from '../chat/finish.ts';
import type { AssistantContent } from '../chat/message.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamEvent } from '../chat/stream.ts';
import type { Usage } from '../chat/usage.ts';
import type { Segment } from '../wire/scan.ts';
import type { ModelAnswer } from './call.ts';
import type { Gate } from './gate.ts';
import { guardDuring } from './guard-during.ts';
import type { Release } from './release.ts';
import { settle } from './settle.ts';
import type { Turn } from './turn.ts';

/** What the model said, after its text was released; tool calls wait in `content` to be decided. */
export interface Said {
  readonly content: readonly AssistantContent[];
  readonly finish: FinishReason;
  /** True where the whole answer already went to the client as the provider wrote it. */
  readonly delivered: boolean;
}

/**
 * Between Call and Decide. Releases text while it comes; from the first piece of a tool call on, calls are held, within
 * bounds, for stage 12. Settles the call exactly once, however it ends. Throws what broke the answer.
 */
export async function receive(gate: Gate, turn: Turn, answer: ModelAnswer, release: Release): Promise<Said> {
  turn.provider = answer.target.provider.name;
  turn.upstreamModel = answer.target.model;
  const { content } = answer;
  if (content.kind === 'whole') return await receiveWhole(gate, turn, answer, content, release);
  if (content.kind === 'segments') return await receiveSegments(gate, turn, answer, content.segments, release);
  return await receiveEvents(gate, turn, answer, content.events, release);
}

async function receiveWhole(
  gate: Gate,
  turn: Turn,
  answer: ModelAnswer,
  whole: { bytes: Buffer; response: ChatResponse; verbatim: boolean },
  release: Release,
): Promise<Said> {
  const { response } = whole;
  const calls = response.content.some((block) => block.type === 'toolCall');
  settle(gate, turn, answer, {
    usage: response.usage,
    outputBytes: whole.bytes.length,
    finish: response.finish.unified,
    outcome: 'ok',
  });
  if (whole.verbatim && !turn.request && !calls) {
    for (const block of response.content) if (block.type === 'text') turn.releasedText += block.text;
    release.whole(whole.bytes);
    return { content: response.content, finish: response.finish, delivered: true };
  }
  for (const event of eventsOf(response)) await release.event(guardDuring(event));
  return { content: response.content, finish: response.finish, delivered: false };
}

async function receiveSegments(
  gate: Gate,
  turn: Turn,
  answer: ModelAnswer,
  segments: AsyncIterable<Segment>,
  release: Release,
): Promise<Said> {
  const watch = watching(gate, turn, answer);
  let text = '';
  try {
    for await (const segment of segments) {
      if (segment.kind === 'text') {
        watch.text(segment.text.length);
        text += segment.text;
      } else {
        for (const event of segment.events) {
          watch.see(guardDuring(event));
          if (event.type === 'text') text += event.delta;
          // The request had no tools: a call would be one that nobody declared and nobody decided.
          if (event.type === 'toolCallStart') {
            throw new GatewayError('upstream_invalid', 'The provider called a tool that was not offered.');
          }
        }
        // The gate asked for usage, the client did not.
        if (segment.usageOnly && !turn.facts.streamUsage) continue;
      }
      if (segment.bytes !== '') await release.frames(segment.bytes);
    }
    watch.end();
  } catch (error) {
    throw watch.failed(error);
  }
  turn.releasedText += text;
  return { content: text === '' ? [] : [{ type: 'text', text }], finish: watch.finish(), delivered: true };
}

async function receiveEvents(
  gate: Gate,
  turn: Turn,
  answer: ModelAnswer,
  events: AsyncIterable<StreamEvent>,
  release: Release,
): Promise<Said> {
  const accumulator = createAccumulator();
  const watch = watching(gate, turn, answer);
  let held = 0;
  try {
    for await (const event of events) {
      watch.see(event);
      accumulator.add(event);
      if (event.type === 'toolCallDelta') {
        held += event.delta.length;
        if (held > gate.config.turn.maxHeldBytes) {
          throw new GatewayError('upstream_invalid', 'The tool calls of the answer are too large.');
        }
      }
      await release.event(guardDuring(event));
    }
    watch.end();
  } catch (error) {
    throw watch.failed(error);
  }
  const response = accumulator.response();
  return { content: response.content, finish: response.finish, delivered: false };
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

/** A whole answer as the events it would have been streamed in, without its tool calls. */
function eventsOf(response: ChatResponse): StreamEvent[] {
  const events: StreamEvent[] = [{ type: 'start', id: response.id, model: response.model }];
  for (const block of response.content) {
    switch (block.type) {
      case 'text':
        events.push({ type: 'text', delta: block.text });
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
