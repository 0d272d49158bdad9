import { DecodeError, malformed } from '../../chat/failure.ts';
import { asArray, asObject, isObject } from '../../chat/json.ts';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../../chat/stream.ts';
import { readEvent } from '../read-event.ts';
import { decodeFailure } from './failure.ts';
import { arrayField, field, objectField, stringField } from './field.ts';
import { decodeOdds, withOdds } from './odds.ts';
import { decodeModelParts } from './parts.ts';
import { blocked, callIdOf, groundingOf, indexOf } from './response.ts';
import { decodeFinish, decodeUsage } from './usage.ts';

const MAX_CANDIDATES = 128;

interface Candidate {
  calls: number;
  finished: boolean;
}

/**
 * Decodes a stream of generateContent: each event is an answer of its own with some more parts, calls are whole, usage is
 * cumulative. There is no end mark: the end of the bytes is the end, and a stream without a reason to stop was cut.
 */
export function createStreamDecoder(): StreamDecoder {
  const candidates = new Map<number, Candidate>();
  let started = false;
  let done = false;

  const candidateAt = (index: number): Candidate => {
    let found = candidates.get(index);
    if (found === undefined) {
      if (candidates.size >= MAX_CANDIDATES) throw new DecodeError('too_large', 'candidates', 'are too many');
      found = { calls: 0, finished: false };
      candidates.set(index, found);
    }
    return found;
  };

  const readCandidate = (value: unknown, position: number, events: StreamEvent[]): void => {
    const path = `candidates[${position}]`;
    if (!isObject(value)) throw new DecodeError('wrong_shape', path, 'must be an object');
    const index = indexOf(value);
    const candidate = candidateAt(index);
    const choice = index === 0 ? {} : { choice: index };
    const parts = asArray(objectField(value, 'content')?.parts);
    const said = decodeModelParts(parts, (part) => callIdOf(parts[part]), `${path}.content.parts`);
    const content = withOdds(said, decodeOdds(value));
    for (const block of [...content, ...groundingOf(value)]) events.push(...eventsOf(block, candidate, choice));
    const reason = field(value, 'finishReason');
    if (typeof reason === 'string' && reason !== 'FINISH_REASON_UNSPECIFIED' && !candidate.finished) {
      candidate.finished = true;
      events.push({ type: 'finish', finish: decodeFinish(reason, candidate.calls > 0), ...choice });
    }
  };

  const read = (body: JsonObject, events: StreamEvent[]): void => {
    if (asObject(body.error)) {
      done = true;
      events.push({ type: 'error', failure: decodeFailure(undefined, body) });
      return;
    }
    if (!started) {
      started = true;
      events.push({
        type: 'start',
        id: stringField(body, 'responseId') ?? '',
        model: stringField(body, 'modelVersion') ?? '',
      });
    }
    for (const [position, value] of arrayField(body, 'candidates').entries()) readCandidate(value, position, events);
    const refused = blocked(body);
    const first = refused && candidateAt(0);
    if (refused && first && !first.finished) {
      first.finished = true;
      events.push({ type: 'finish', finish: refused.finish });
    }
    const usage = decodeUsage(field(body, 'usageMetadata'));
    if (usage) events.push({ type: 'usage', usage });
  };

  return {
    push(data) {
      if (done) return [];
      return readEvent(data, read, () => {
        done = true;
      });
    },
    end() {
      if (done) return [];
      done = true;
      const isWhole = candidates.size > 0 && [...candidates.values()].every(({ finished }) => finished);
      if (isWhole) return [];
      return [{ type: 'error', failure: malformed(new DecodeError('truncated', '', 'ended before the answer did')) }];
    },
    done: () => done,
  };
}

function eventsOf(block: AssistantContent, candidate: Candidate, choice: { choice?: number }): StreamEvent[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', delta: block.text, ...(block.odds ? { odds: block.odds } : {}), ...choice }];
    case 'reasoning': {
      if (block.redacted !== undefined) return [{ type: 'redacted', data: block.redacted, ...choice }];
      const events: StreamEvent[] = block.text === '' ? [] : [{ type: 'reasoning', delta: block.text, ...choice }];
      if (block.signature !== undefined) events.push({ type: 'signature', signature: block.signature, ...choice });
      return events;
    }
    case 'toolCall': {
      const index = candidate.calls++;
      return [
        { type: 'toolCallStart', index, id: block.id, name: block.name, ...choice },
        { type: 'toolCallDelta', index, delta: block.arguments, ...choice },
        { type: 'toolCallStop', index, ...choice },
      ];
    }
    case 'opaque':
      return [{ type: 'opaque', dialect: block.dialect, kind: block.kind, value: block.value, ...choice }];
    case 'refusal':
      return [];
  }
}
