import { DecodeError, malformed } from '../../chat/failure.ts';
import { asObject, asString } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../../chat/stream.ts';
import { EXCEPTION } from '../event-stream.ts';
import { readEvent } from '../read-event.ts';
import { decodeFailure } from './failure.ts';
import { answerId } from './response.ts';
import { decodeFinish, decodeUsage } from './usage.ts';

const MAX_BLOCKS = 4_096;

/** A block that is open: a call by its number, or what else has no start of its own. */
type Block = { readonly kind: 'call'; readonly index: number } | { readonly kind: 'said' };

/**
 * Decodes a stream of ConverseStream, each payload being `{"<event>": {…}}`: a call's arguments come in pieces, usage after the
 * reason to stop. A stream that ends before that reason was cut; one that ends before the usage is whole.
 */
export function createStreamDecoder(): StreamDecoder {
  const blocks = new Map<unknown, Block>();
  let calls = 0;
  let started = false;
  let stopped = false;
  let done = false;

  const start = (events: StreamEvent[]): void => {
    if (started) return;
    started = true;
    events.push({ type: 'start', id: answerId(), model: '' });
  };
  const open = (index: unknown, block: Block): Block => {
    if (blocks.size >= MAX_BLOCKS) throw new DecodeError('too_large', 'contentBlockIndex', 'are too many');
    blocks.set(index, block);
    return block;
  };

  const readStart = (event: JsonObject, events: StreamEvent[]): void => {
    const call = asObject(asObject(event.start)?.toolUse);
    if (!call) return;
    const id = asString(call.toolUseId);
    const name = asString(call.name);
    const path = 'contentBlockStart.start.toolUse';
    if (!id || !name) throw new DecodeError('wrong_shape', path, 'must have a toolUseId and a name');
    const known = blocks.get(event.contentBlockIndex);
    if (known?.kind === 'call') throw new DecodeError('out_of_order', path, 'begins twice');
    const index = calls++;
    open(event.contentBlockIndex, { kind: 'call', index });
    events.push({ type: 'toolCallStart', index, id, name });
  };

  const readDelta = (event: JsonObject, events: StreamEvent[]): void => {
    const delta = asObject(event.delta);
    if (!delta) throw new DecodeError('wrong_shape', 'contentBlockDelta.delta', 'must be an object');
    const block = blocks.get(event.contentBlockIndex);
    const call = asObject(delta.toolUse);
    if (call) {
      if (block?.kind !== 'call') throw new DecodeError('out_of_order', 'contentBlockDelta', 'is of a call not begun');
      const input = asString(call.input);
      if (input) events.push({ type: 'toolCallDelta', index: block.index, delta: input });
      return;
    }
    if (block === undefined) open(event.contentBlockIndex, { kind: 'said' });
    const text = asString(delta.text);
    if (text) events.push({ type: 'text', delta: text });
    const reasoning = asObject(delta.reasoningContent);
    if (reasoning) readReasoning(reasoning, events);
  };

  const read = (body: JsonObject, events: StreamEvent[]): void => {
    if (EXCEPTION in body) {
      done = true;
      events.push({ type: 'error', failure: decodeFailure(undefined, body) });
      return;
    }
    start(events);
    const began = asObject(body.contentBlockStart);
    if (began) readStart(began, events);
    const delta = asObject(body.contentBlockDelta);
    if (delta) readDelta(delta, events);
    const ended = asObject(body.contentBlockStop);
    if (ended) {
      const block = blocks.get(ended.contentBlockIndex);
      blocks.delete(ended.contentBlockIndex);
      if (block?.kind === 'call') events.push({ type: 'toolCallStop', index: block.index });
      else if (block) events.push({ type: 'blockStop' });
    }
    const stop = asObject(body.messageStop);
    if (stop && !stopped) {
      stopped = true;
      events.push({ type: 'finish', finish: decodeFinish(stop.stopReason, calls > 0) });
    }
    const metadata = asObject(body.metadata);
    if (metadata) {
      const usage = decodeUsage(metadata.usage);
      if (usage) events.push({ type: 'usage', usage });
      done = stopped;
    }
  };

  return {
    push(data) {
      if (done) return [];
      return readEvent(data, read, () => {
        done = true;
      });
    },
    end() {
      if (done || stopped) return [];
      done = true;
      return [{ type: 'error', failure: malformed(new DecodeError('truncated', '', 'ended before the answer did')) }];
    },
    done: () => done,
  };
}

function readReasoning(reasoning: JsonObject, events: StreamEvent[]): void {
  const text = asString(reasoning.text);
  if (text) events.push({ type: 'reasoning', delta: text });
  const signature = asString(reasoning.signature);
  if (signature) events.push({ type: 'signature', signature });
  const redacted = asString(reasoning.redactedContent);
  if (redacted) events.push({ type: 'redacted', data: redacted });
}
