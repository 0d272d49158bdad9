import { DecodeError } from '../../chat/failure.ts';
import { asObject, asString } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../../chat/stream.ts';
import { markedDecoder } from '../read-event.ts';
import { decodeFailure } from './failure.ts';
import { answerId, callsIn, createdIn, decodeFinish, decodeUsage, saidIn } from './response.ts';

const MAX_CALLS = 4_096;

/**
 * Decodes a stream of `/api/chat`, a JSON object a line: thinking and text in pieces, calls whole, and at the end `done` with
 * the reason and the counts. A stream without that end was cut; `error` may stand in any line.
 */
export function createStreamDecoder(): StreamDecoder {
  let calls = 0;
  let started = false;

  const start = (body: JsonObject, events: StreamEvent[]): void => {
    if (started) return;
    started = true;
    const created = createdIn(body);
    const model = asString(body.model) ?? '';
    events.push({ type: 'start', id: answerId(), model, ...(created === undefined ? {} : { created }) });
  };

  const read = (body: JsonObject, events: StreamEvent[], close: () => void): void => {
    if (body.error !== undefined && body.error !== null) {
      close();
      events.push({ type: 'error', failure: decodeFailure(undefined, body) });
      return;
    }
    const message = asObject(body.message);
    if (!message && body.done !== true) throw new DecodeError('wrong_shape', 'message', 'must be an object');
    start(body, events);
    const { thinking, text } = saidIn(message ?? {});
    if (thinking !== '') events.push({ type: 'reasoning', delta: thinking });
    if (text !== '') events.push({ type: 'text', delta: text });
    for (const call of callsIn(message ?? {}, 'message.tool_calls')) {
      if (calls >= MAX_CALLS) throw new DecodeError('too_large', 'message.tool_calls', 'are too many');
      const index = calls++;
      events.push({ type: 'toolCallStart', index, id: call.id, name: call.name });
      events.push({ type: 'toolCallDelta', index, delta: call.arguments });
      events.push({ type: 'toolCallStop', index });
    }
    if (body.done !== true) return;
    close();
    const usage = decodeUsage(body);
    if (usage) events.push({ type: 'usage', usage });
    events.push({ type: 'finish', finish: decodeFinish(body.done_reason, calls > 0) });
  };

  return markedDecoder(read);
}
