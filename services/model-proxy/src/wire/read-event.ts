import { DecodeError, malformed } from '../chat/failure.ts';
import { parseBody } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import type { StreamEvent } from '../chat/stream.ts';

/**
 * What one event of a stream says. One that cannot be read says what was read of it before the fault, and the fault, of which
 * `onFault` is told.
 */
export function readEvent(
  data: string,
  read: (body: JsonObject, events: StreamEvent[]) => void,
  onFault: () => void,
): StreamEvent[] {
  const events: StreamEvent[] = [];
  try {
    read(parseBody(data), events);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    onFault();
    events.push({ type: 'error', failure: malformed(error) });
  }
  return events;
}
