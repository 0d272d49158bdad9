/** An entry in the calendar. Times are RFC 3339 in UTC. */
export interface CalendarEvent {
  readonly id: string;
  readonly title: string;
  readonly start: string;
  readonly end: string;
  readonly attendees: readonly string[];
}

/** A stretch of time without entries. */
export interface Slot {
  readonly start: string;
  readonly end: string;
}

/** The demo's calendar, in memory. */
export interface Calendar {
  /** Entries that touch the time between `from` and `to` (RFC 3339, both optional), by start. */
  list(from?: string, to?: string): readonly CalendarEvent[];
  create(event: Omit<CalendarEvent, 'id'>): CalendarEvent;
  /** The first free stretch of `minutes` on `day` (YYYY-MM-DD) between 09:00 and 17:00 UTC. */
  freeSlot(day: string, minutes: number): Slot | undefined;
  reset(): void;
}

const SEED_EVENTS: readonly CalendarEvent[] = [
  event('e1', 'Stand-up', '2026-03-03T09:00:00Z', '2026-03-03T09:30:00Z', ['kim@example.com', 'sam@example.com']),
  event('e2', 'Planning meeting', '2026-03-04T10:00:00Z', '2026-03-04T11:00:00Z', ['kim@example.com']),
  event('e3', 'Dentist', '2026-03-05T14:00:00Z', '2026-03-05T15:00:00Z', []),
];

/** The most entries kept, so that a loop cannot fill the memory. */
const MAX_EVENTS = 1000;

/** Opens a calendar with three entries in the first week of March 2026. */
export function openCalendar(): Calendar {
  let events = [...SEED_EVENTS];
  let sequence = events.length;
  const overlapping = (start: number, end: number) =>
    events
      .filter((entry) => Date.parse(entry.start) < end && Date.parse(entry.end) > start)
      .sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
  return {
    list: (from, to) =>
      overlapping(from === undefined ? -Infinity : Date.parse(from), to === undefined ? Infinity : Date.parse(to)),
    create: (entry) => {
      sequence += 1;
      const kept = { id: `e${sequence}`, ...entry };
      events = [...events, kept].slice(-MAX_EVENTS);
      return kept;
    },
    freeSlot: (day, minutes) => {
      const close = Date.parse(`${day}T17:00:00Z`);
      let start = Date.parse(`${day}T09:00:00Z`);
      const length = minutes * 60_000;
      for (const entry of overlapping(start, close)) {
        if (Date.parse(entry.start) - start >= length) break;
        start = Math.max(start, Date.parse(entry.end));
      }
      if (start + length > close) return undefined;
      return { start: new Date(start).toISOString(), end: new Date(start + length).toISOString() };
    },
    reset: () => {
      events = [...SEED_EVENTS];
      sequence = events.length;
    },
  };
}

function event(id: string, title: string, start: string, end: string, attendees: string[]): CalendarEvent {
  return { id, title, start, end, attendees };
}
