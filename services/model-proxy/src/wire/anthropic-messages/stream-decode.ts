import { CITATION } from '../../chat/cited.ts';
import { DecodeError, malformed } from '../../chat/failure.ts';
import { asNumber, asObject, asString, isObject, parseArguments } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../../chat/stream.ts';
import { readEvent } from '../read-event.ts';
import { citedSources } from '../sources.ts';
import { decodeFailure } from './failure.ts';
import { decodeFinish, decodeUsage } from './usage.ts';

type OpenBlock =
  /** `early`: citations that came before the first word of the text that they are for. */
  | { kind: 'text'; told: boolean; early: JsonObject[] }
  | { kind: 'thinking'; signature: string }
  | { kind: 'tool'; index: number; hasDelta: boolean; input: unknown }
  | { kind: 'opaque'; type: string; value: JsonObject; parts: string[] };

/** Decodes the events of one streamed message; the event's name is read from its data. */
export function createStreamDecoder(): StreamDecoder {
  const blocks = new Map<number, OpenBlock>();
  const usage: JsonObject = {};
  let calls = 0;
  let cited: unknown[] | undefined;
  let started = false;
  let finished = false;
  let done = false;
  let textAlone = false;

  const addUsage = (value: unknown, events: StreamEvent[]): void => {
    const told = asObject(value);
    if (!told) return;
    // The last event counts cumulatively but may leave out, or null, what the first one told.
    for (const [key, count] of Object.entries(told)) if (count !== null && key !== '__proto__') usage[key] = count;
    const decoded = decodeUsage(usage);
    if (decoded) events.push({ type: 'usage', usage: decoded });
  };

  const read = (event: JsonObject, events: StreamEvent[]): void => {
    switch (event.type) {
      case 'message_start': {
        const message = asObject(event.message);
        if (!message) throw new DecodeError('wrong_shape', 'message', 'must be an object');
        started = true;
        events.push({ type: 'start', id: asString(message.id) ?? '', model: asString(message.model) ?? '' });
        addUsage(message.usage, events);
        return;
      }
      case 'content_block_start': {
        const index = blockIndex(event);
        const block = asObject(event.content_block);
        if (!block) throw new DecodeError('wrong_shape', 'content_block', 'must be an object');
        if (blocks.has(index)) throw new DecodeError('out_of_order', 'index', 'names a block that is open');
        if (blocks.size >= 1024) throw new DecodeError('too_large', 'index', 'has too many open blocks');
        const opened = openBlock(block, calls, events);
        if (opened.kind === 'tool') calls += 1;
        blocks.set(index, opened);
        return;
      }
      case 'content_block_delta': {
        const block = blocks.get(blockIndex(event));
        const delta = asObject(event.delta);
        if (!block) throw new DecodeError('out_of_order', 'index', 'names a block that is not open');
        if (!delta) throw new DecodeError('wrong_shape', 'delta', 'must be an object');
        if (delta.type === 'citations_delta') {
          cited ??= [];
          if (cited.length < MAX_CITED) {
            cited.push(delta.citation);
            readCitation(block, delta.citation, events);
          }
        } else {
          textAlone = delta.type === 'text_delta' && block.kind === 'text' && block.told;
          readDelta(block, delta, events);
        }
        return;
      }
      case 'content_block_stop': {
        const index = blockIndex(event);
        const block = blocks.get(index);
        if (!block) throw new DecodeError('out_of_order', 'index', 'names a block that is not open');
        blocks.delete(index);
        closeBlock(block, events);
        return;
      }
      case 'message_delta': {
        const delta = asObject(event.delta);
        addUsage(event.usage, events);
        if (typeof delta?.stop_reason === 'string') {
          finished = true;
          const finish = decodeFinish(delta.stop_reason, delta.stop_sequence, calls > 0);
          events.push({ type: 'finish', finish, ...(cited ? { sources: citedSources(cited) } : {}) });
        }
        return;
      }
      case 'message_stop':
        done = true;
        if (!started) throw new DecodeError('truncated', '', 'ended without an answer');
        for (const block of blocks.values()) closeBlock(block, events);
        if (!finished) events.push({ type: 'finish', finish: decodeFinish(undefined, undefined, calls > 0) });
        return;
      case 'error':
        done = true;
        events.push({ type: 'error', failure: decodeFailure(undefined, event) });
        return;
      case 'ping':
        return;
      default:
        // New event types are announced as possible; what names no type at all is not this dialect.
        if (typeof event.type !== 'string') throw new DecodeError('wrong_shape', 'type', 'must be a string');
    }
  };

  return {
    push(data) {
      textAlone = false;
      if (done) return [];
      return readEvent(data, read, () => {
        done = true;
      });
    },
    end() {
      if (done) return [];
      done = true;
      if (finished) return [];
      return [{ type: 'error', failure: malformed(new DecodeError('truncated', '', 'ended before the answer did')) }];
    },
    done: () => done,
    saidTextAlone: () => textAlone,
  };
}

const MAX_CITED = 256;

function blockIndex(event: JsonObject): number {
  const index = asNumber(event.index);
  if (index === undefined) throw new DecodeError('wrong_shape', 'index', 'must be a number');
  return index;
}

function openBlock(block: JsonObject, calls: number, events: StreamEvent[]): OpenBlock {
  switch (block.type) {
    case 'text': {
      const text = asString(block.text);
      if (text) events.push({ type: 'text', delta: text });
      return { kind: 'text', told: Boolean(text), early: [] };
    }
    case 'thinking': {
      const text = asString(block.thinking);
      if (text) events.push({ type: 'reasoning', delta: text });
      return { kind: 'thinking', signature: asString(block.signature) ?? '' };
    }
    case 'redacted_thinking':
      events.push({ type: 'redacted', data: asString(block.data) ?? '' });
      return { kind: 'text', told: false, early: [] };
    case 'tool_use': {
      const name = asString(block.name);
      const id = asString(block.id);
      if (!name || !id) throw new DecodeError('wrong_shape', 'content_block', 'must have an id and a name');
      events.push({ type: 'toolCallStart', index: calls, id, name });
      return { kind: 'tool', index: calls, hasDelta: false, input: block.input };
    }
    default: {
      const type = asString(block.type);
      if (type === undefined) throw new DecodeError('wrong_shape', 'content_block.type', 'must be a string');
      return { kind: 'opaque', type, value: block, parts: [] };
    }
  }
}

function readDelta(block: OpenBlock, delta: JsonObject, events: StreamEvent[]): void {
  switch (delta.type) {
    case 'text_delta': {
      const text = asString(delta.text);
      if (text === undefined) throw new DecodeError('wrong_shape', 'delta.text', 'must be a string');
      if (text === '') return;
      events.push({ type: 'text', delta: text });
      if (block.kind === 'text' && !block.told) {
        block.told = true;
        for (const citation of block.early) events.push(citing(citation));
      }
      return;
    }
    case 'thinking_delta': {
      const text = asString(delta.thinking);
      if (text === undefined) throw new DecodeError('wrong_shape', 'delta.thinking', 'must be a string');
      if (text !== '') events.push({ type: 'reasoning', delta: text });
      return;
    }
    case 'signature_delta':
      if (block.kind === 'thinking') block.signature += asString(delta.signature) ?? '';
      return;
    case 'input_json_delta': {
      const json = asString(delta.partial_json);
      if (json === undefined) throw new DecodeError('wrong_shape', 'delta.partial_json', 'must be a string');
      if (block.kind === 'opaque') block.parts.push(json);
      if (block.kind !== 'tool' || json === '') return;
      block.hasDelta = true;
      events.push({ type: 'toolCallDelta', index: block.index, delta: json });
      return;
    }
  }
}

/** A citation stands behind the text that it is for, wherever in its block it came. */
function readCitation(block: OpenBlock, citation: unknown, events: StreamEvent[]): void {
  if (block.kind !== 'text' || !isObject(citation)) return;
  if (block.told) events.push(citing(citation));
  else block.early.push(citation);
}

function citing(value: JsonObject): StreamEvent {
  return { type: 'opaque', dialect: 'anthropic-messages', kind: CITATION, value };
}

function closeBlock(block: OpenBlock, events: StreamEvent[]): void {
  switch (block.kind) {
    case 'tool': {
      // Some compatible providers send the whole input at the start of the block and no delta.
      const input = asObject(block.input);
      if (!block.hasDelta && input && Object.keys(input).length > 0) {
        events.push({ type: 'toolCallDelta', index: block.index, delta: JSON.stringify(input) });
      }
      events.push({ type: 'toolCallStop', index: block.index });
      return;
    }
    case 'thinking':
      if (block.signature) events.push({ type: 'signature', signature: block.signature });
      else events.push({ type: 'blockStop' });
      return;
    case 'text':
      events.push({ type: 'blockStop' });
      return;
    case 'opaque': {
      const input = block.parts.length > 0 ? parseArguments(block.parts.join('')) : undefined;
      const value = input ? { ...block.value, input } : block.value;
      events.push({ type: 'opaque', dialect: 'anthropic-messages', kind: block.type, value });
    }
  }
}
