import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../../chat/stream.ts';
import { markedDecoder } from '../read-event.ts';
import { documentSources } from '../sources.ts';
import { decodeFailure, isFailure } from './failure.ts';
import { readCall } from './response.ts';
import { decodeFinish, decodeUsage } from './usage.ts';

const MAX_CALLS = 4_096;

/**
 * Decodes a stream of the chat, whose events say their type in their body: a plan of the calls, which is text, calls whose
 * arguments come in pieces, text and thinking by blocks, sources, and an end with the reason and the usage. A stream without
 * that end was cut.
 */
export function createStreamDecoder(): StreamDecoder {
  const open = new Map<unknown, number>();
  let calls = 0;
  let started = false;
  let planned = false;
  let cited: unknown[] | undefined;

  const start = (body: JsonObject, events: StreamEvent[]): void => {
    if (started) return;
    started = true;
    events.push({ type: 'start', id: asString(body.id) ?? '', model: '' });
  };
  const endPlan = (events: StreamEvent[]): void => {
    if (planned) events.push({ type: 'blockStop' });
    planned = false;
  };
  const say = (message: JsonObject | undefined, events: StreamEvent[]): void => {
    const content = asObject(message?.content);
    const thinking = asString(content?.thinking);
    if (thinking) events.push({ type: 'reasoning', delta: thinking });
    const text = asString(content?.text);
    if (text) events.push({ type: 'text', delta: text });
  };
  const beginCall = (index: unknown, value: unknown, events: StreamEvent[]): void => {
    const { id, name, args } = readCall(callIn(value), 'delta.message.tool_calls');
    if (open.has(index)) throw new DecodeError('out_of_order', 'tool-call-start', 'begins twice');
    if (calls >= MAX_CALLS) throw new DecodeError('too_large', 'tool-call-start', 'are too many');
    const number = calls++;
    open.set(index, number);
    events.push({ type: 'toolCallStart', index: number, id, name });
    if (args !== '') events.push({ type: 'toolCallDelta', index: number, delta: args });
  };
  const end = (body: JsonObject, events: StreamEvent[]): void => {
    const said = asObject(body.delta) ?? {};
    const usage = decodeUsage(said.usage);
    if (usage) events.push({ type: 'usage', usage });
    if (isFailure(said) || asString(said.error))
      events.push({ type: 'error', failure: decodeFailure(undefined, body) });
    else {
      const sources = cited ? { sources: documentSources(cited) } : {};
      events.push({ type: 'finish', finish: decodeFinish(said.finish_reason, calls > 0), ...sources });
    }
  };

  const readers: Readonly<
    Record<string, (body: JsonObject, message: JsonObject | undefined, events: StreamEvent[]) => void>
  > = {
    'tool-plan-delta': (_body, message, events) => {
      const plan = asString(message?.tool_plan);
      if (!plan) return;
      planned = true;
      events.push({ type: 'text', delta: plan });
    },
    'content-start': (_body, message, events) => {
      endPlan(events);
      say(message, events);
    },
    'content-delta': (_body, message, events) => say(message, events),
    'content-end': (_body, _message, events) => void events.push({ type: 'blockStop' }),
    'citation-start': (_body, message) => {
      cited = [...(cited ?? []), message?.citations].slice(0, MAX_CITED);
    },
    'tool-call-start': ({ index }, message, events) => {
      endPlan(events);
      beginCall(index, message?.tool_calls, events);
    },
    'tool-call-delta': ({ index }, message, events) => {
      const number = open.get(index);
      if (number === undefined) throw new DecodeError('out_of_order', 'tool-call-delta', 'is of a call not begun');
      const delta = asString(asObject(callIn(message?.tool_calls)?.function)?.arguments);
      if (delta) events.push({ type: 'toolCallDelta', index: number, delta });
    },
    'tool-call-end': ({ index }, _message, events) => {
      const number = open.get(index);
      open.delete(index);
      if (number !== undefined) events.push({ type: 'toolCallStop', index: number });
    },
  };

  const read = (body: JsonObject, events: StreamEvent[], close: () => void): void => {
    const type = asString(body.type);
    if (type === 'error' || (type === undefined && asString(body.message) !== undefined)) {
      close();
      events.push({ type: 'error', failure: decodeFailure(undefined, body) });
      return;
    }
    start(body, events);
    if (type === 'message-end') {
      close();
      end(body, events);
      return;
    }
    // What a later version adds is passed over.
    if (type !== undefined && Object.hasOwn(readers, type)) {
      readers[type]?.(body, asObject(asObject(body.delta)?.message), events);
    }
  };

  return markedDecoder(read);
}

const MAX_CITED = 256;

/** The one call of an event; some servers write a list of it. */
function callIn(value: unknown): JsonObject | undefined {
  return asObject(Array.isArray(value) ? asArray(value)[0] : value);
}
