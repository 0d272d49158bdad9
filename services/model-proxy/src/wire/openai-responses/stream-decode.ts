import { DecodeError, malformed } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, asString, hasArguments, isObject, parseBody } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../../chat/stream.ts';
import { decodeOdds } from '../odds.ts';
import { decodeFailure } from './failure.ts';
import { ANNOTATION, decodeOutputItem } from './items.ts';
import { decodeReasoningItem, PARTS_APART } from './reasoning.ts';
import { decodeFinish, decodeUsage } from './usage.ts';

/** More items no answer has. */
const MAX_ITEMS = 1024;

interface OpenItem {
  readonly type: string;
  readonly id: string;
  /** Of calls, their number among the calls. */
  readonly call: number;
  /** Something of it was told in deltas. */
  told: boolean;
  /** Its place among the parts that were told last. */
  part: number;
  done: boolean;
}

/**
 * Decodes the events of one streamed response. Servers that leave deltas out are read by what ends them: a whole argument, a whole
 * item, the whole response.
 */
export function createStreamDecoder(): StreamDecoder {
  return new ResponseEvents();
}

class ResponseEvents implements StreamDecoder {
  readonly #items = new Map<number, OpenItem>();
  #calls = 0;
  #started = false;
  #done = false;

  done(): boolean {
    return this.#done;
  }

  push(data: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    if (this.#done) return events;
    try {
      // Some servers end as chat completions do.
      if (data.trim() === '[DONE]') throw new DecodeError('truncated', '', 'ended without an answer');
      this.#read(parseBody(data, hasArguments(data)), events);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#fail(events, error);
    }
    return events;
  }

  end(): StreamEvent[] {
    const events: StreamEvent[] = [];
    if (!this.#done) this.#fail(events, new DecodeError('truncated', '', 'ended before the answer did'));
    return events;
  }

  #fail(events: StreamEvent[], error: DecodeError): void {
    this.#done = true;
    events.push({ type: 'error', failure: malformed(error) });
  }

  #read(event: JsonObject, events: StreamEvent[]): void {
    const type = asString(event.type);
    if (type === undefined) {
      if (event.error === undefined || event.error === null) {
        throw new DecodeError('wrong_shape', 'type', 'must be a string');
      }
      this.#broke(event, events);
      return;
    }
    const index = asNumber(event.output_index) ?? 0;
    switch (type) {
      case 'error':
        this.#broke(event, events);
        return;
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        this.#start(asObject(event.response), events);
        return;
      case 'response.output_item.added':
        this.#open(event.item, index, events);
        return;
      case 'response.output_item.done':
        this.#close(event.item, index, events);
        return;
      case 'response.content_part.added':
      case 'response.reasoning_summary_part.added': {
        const item = this.#items.get(index);
        const part = asNumber(event.content_index) ?? asNumber(event.summary_index) ?? 0;
        if (item) this.#beginPart(item, part, events);
        return;
      }
      case 'response.output_text.delta':
        this.#delta(event, index, 'text', events);
        return;
      case 'response.refusal.delta':
        this.#delta(event, index, 'refusal', events);
        return;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        this.#delta(event, index, 'reasoning', events);
        return;
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        this.#argument(index, asString(event.delta), events);
        return;
      case 'response.function_call_arguments.done':
      case 'response.custom_tool_call_input.done': {
        const whole = asString(event.arguments) ?? asString(event.input);
        if (this.#items.get(index)?.told === false) this.#argument(index, whole, events);
        return;
      }
      case 'response.output_text.annotation.added':
        if (isObject(event.annotation)) {
          events.push({ type: 'opaque', dialect: 'openai-responses', kind: ANNOTATION, value: event.annotation });
        }
        return;
      case 'response.completed':
      case 'response.incomplete':
        this.#finish(asObject(event.response), events);
        return;
      case 'response.failed': {
        this.#done = true;
        const error = asObject(event.response)?.error;
        events.push({ type: 'error', failure: decodeFailure(undefined, { error: error ?? {} }) });
        return;
      }
      default:
        // What tells of work that an item tells of when it is done, and what is not known yet.
        return;
    }
  }

  #broke(event: JsonObject, events: StreamEvent[]): void {
    this.#done = true;
    events.push({ type: 'error', failure: decodeFailure(undefined, event) });
  }

  #start(response: JsonObject | undefined, events: StreamEvent[]): void {
    if (this.#started || !response) return;
    this.#started = true;
    const created = asNumber(response.created_at);
    const id = asString(response.id) ?? '';
    events.push({
      type: 'start',
      id,
      model: asString(response.model) ?? '',
      ...(created === undefined ? {} : { created }),
    });
  }

  #open(value: unknown, index: number, events: StreamEvent[]): OpenItem {
    const item = asObject(value);
    const type = asString(item?.type);
    if (!item || type === undefined) throw new DecodeError('wrong_shape', 'item.type', 'must be a string');
    if (this.#items.has(index)) throw new DecodeError('out_of_order', 'output_index', 'begins an item that has begun');
    if (this.#items.size >= MAX_ITEMS) throw new DecodeError('too_large', 'output_index', 'has too many items');
    const isCall = type === 'function_call' || type === 'custom_tool_call';
    const id = asString(item.id) ?? '';
    const open: OpenItem = { type, id, call: isCall ? this.#calls++ : -1, told: false, part: 0, done: false };
    this.#items.set(index, open);
    if (isCall) {
      const [call] = decodeOutputItem(item, 'item');
      if (call?.type === 'toolCall') {
        const kind = call.kind ? { kind: call.kind } : {};
        events.push({ type: 'toolCallStart', index: open.call, id: call.id, name: call.name, ...kind });
      }
    } else if (this.#items.size > 1) events.push({ type: 'blockStop' });
    return open;
  }

  #beginPart(item: OpenItem, part: number, events: StreamEvent[]): void {
    if (part <= item.part) return;
    item.part = part;
    if (item.type === 'message') events.push({ type: 'blockStop' });
    else if (item.told) events.push({ type: 'reasoning', delta: PARTS_APART });
  }

  #delta(event: JsonObject, index: number, kind: 'text' | 'refusal' | 'reasoning', events: StreamEvent[]): void {
    const delta = asString(event.delta);
    if (delta === undefined) throw new DecodeError('wrong_shape', 'delta', 'must be a string');
    const item = this.#items.get(index);
    if (item) this.#beginPart(item, asNumber(event.content_index) ?? asNumber(event.summary_index) ?? 0, events);
    if (delta === '') return;
    const isFirst = item?.told === false;
    if (item) item.told = true;
    if (kind === 'reasoning') events.push({ type: kind, delta, ...(isFirst && item.id !== '' ? { id: item.id } : {}) });
    else {
      const odds = kind === 'text' ? decodeOdds(event.logprobs) : undefined;
      events.push(odds ? { type: 'text', delta, odds } : { type: kind, delta });
    }
  }

  #argument(index: number, delta: string | undefined, events: StreamEvent[]): void {
    const item = this.#items.get(index);
    if (!item || item.call < 0) throw new DecodeError('out_of_order', 'output_index', 'has arguments without a call');
    if (delta === undefined) throw new DecodeError('wrong_shape', 'delta', 'must be a string');
    if (delta === '') return;
    item.told = true;
    events.push({ type: 'toolCallDelta', index: item.call, delta });
  }

  #close(value: unknown, index: number, events: StreamEvent[]): void {
    const item = asObject(value);
    if (!item) throw new DecodeError('wrong_shape', 'item', 'must be an object');
    const open = this.#items.get(index) ?? this.#open(item, index, events);
    if (open.done) return;
    open.done = true;
    if (item.type !== open.type)
      throw new DecodeError('out_of_order', 'item.type', 'is not that of the item that began');
    switch (open.type) {
      case 'message':
        if (!open.told) this.#tellWhole(item, events);
        return;
      case 'function_call':
      case 'custom_tool_call':
        if (!open.told) {
          const written = open.type === 'function_call' ? item.arguments : item.input;
          this.#argument(index, typeof written === 'string' ? written : written ? JSON.stringify(written) : '', events);
        }
        events.push({ type: 'toolCallStop', index: open.call });
        return;
      case 'reasoning': {
        const block = decodeReasoningItem(item);
        if (!open.told && block?.text)
          events.push({ type: 'reasoning', delta: block.text, ...(open.id ? { id: open.id } : {}) });
        if (block?.signature !== undefined) events.push({ type: 'signature', signature: block.signature });
        else if (block?.redacted !== undefined) events.push({ type: 'redacted', data: block.redacted });
        else if (block) events.push({ type: 'blockStop' });
        return;
      }
      default:
        this.#tellWhole(item, events);
    }
  }

  /** An item that came in one piece. */
  #tellWhole(item: JsonObject, events: StreamEvent[]): void {
    for (const [at, block] of decodeOutputItem(item, 'item').entries()) {
      if (block.type === 'opaque') events.push(block);
      else if (block.type === 'text' || block.type === 'refusal') {
        if (at > 0 && block.type === 'text') events.push({ type: 'blockStop' });
        const odds = block.type === 'text' && block.odds ? { odds: block.odds } : {};
        if (block.text !== '') events.push({ type: block.type, delta: block.text, ...odds });
      }
    }
  }

  #finish(response: JsonObject | undefined, events: StreamEvent[]): void {
    if (!response) throw new DecodeError('wrong_shape', 'response', 'must be an object');
    this.#start(response, events);
    for (const [index, item] of asArray(response.output).entries()) {
      const open = this.#items.get(index);
      // What a client takes from the whole was told before, or is told now.
      if (open?.done && open.type !== asObject(item)?.type) {
        throw new DecodeError('out_of_order', 'response.output', 'holds another item than was told');
      }
      // Some servers leave items out of the whole that they have streamed.
      if (open === undefined || (!open.done && open.type === asObject(item)?.type)) this.#close(item, index, events);
    }
    this.#done = true;
    const usage = decodeUsage(response.usage);
    if (usage) events.push({ type: 'usage', usage });
    events.push({ type: 'finish', finish: decodeFinish(response, this.#calls > 0) });
  }
}
