import { DecodeError, malformed } from '../chat/failure.ts';
import { parseBody } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { StreamDecoder, StreamEvent } from '../chat/stream.ts';

/**
 * What one event of a stream says whose dialect writes arguments as values. One that cannot be read says what was read of it
 * before the fault, and the fault, of which `onFault` is told.
 */
export function readEvent(
  data: string,
  read: (body: JsonObject, events: StreamEvent[]) => void,
  onFault: () => void,
): StreamEvent[] {
  const events: StreamEvent[] = [];
  try {
    read(parseBody(data, true), events);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    onFault();
    events.push({ type: 'error', failure: malformed(error) });
  }
  return events;
}

/**
 * A decoder of streams that end by a mark of their own: `read` calls `close` for it, and for an error. What ends without the mark
 * was cut, which is an error.
 */
export function markedDecoder(
  read: (body: JsonObject, events: StreamEvent[], close: () => void) => void,
): StreamDecoder {
  let done = false;
  const close = (): void => {
    done = true;
  };
  return {
    push: (data) => (done ? [] : readEvent(data, (body, events) => read(body, events, close), close)),
    end() {
      if (done) return [];
      close();
      return [{ type: 'error', failure: malformed(new DecodeError('truncated', '', 'ended before the answer did')) }];
    },
    done: () => done,
  };
}
