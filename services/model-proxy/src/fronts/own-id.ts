import type { StreamEncoder } from '../chat/stream.ts';

/** An encoder whose answer has an id in the caller's dialect. */
export function withOwnId(encoder: StreamEncoder, ownId: (id: string) => string): StreamEncoder {
  return {
    encode: (event) => encoder.encode(event.type === 'start' ? { ...event, id: ownId(event.id) } : event),
    end: () => encoder.end(),
    ping: () => encoder.ping(),
  };
}
