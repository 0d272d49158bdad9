import type { StreamEvent } from '../chat/stream.ts';

/** Stage 11. Checks of a stream while it runs, by Guardrail. No guardrail kind exists yet: every event passes. */
export function guardDuring(event: StreamEvent): StreamEvent {
  return event;
}
