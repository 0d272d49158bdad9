import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { failed, structured } from './answers.ts';
import type { Calendar } from './calendar.ts';

const time = z.iso.datetime({ offset: true });

const entry = z.object({
  id: z.string(),
  title: z.string(),
  start: time,
  end: time,
  attendees: z.array(z.string()),
});

/** Builds the MCP server of the calendar: one instance serves one HTTP request, the calendar outlives it. */
export function calendarServer(calendar: Calendar): McpServer {
  const server = new McpServer({ name: 'demo-calendar', version: '0.1.0' });
  server.registerTool(
    'list_events',
    {
      title: 'List events',
      description: 'Lists calendar entries by start time.',
      inputSchema: z.object({ from: time.optional(), to: time.optional() }),
      outputSchema: z.object({ events: z.array(entry) }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ from, to }) => structured({ events: calendar.list(from, to) }),
  );
  server.registerTool(
    'find_free_slot',
    {
      title: 'Find a free slot',
      description: 'Returns the first free stretch of time on a day between 09:00 and 17:00 UTC.',
      inputSchema: z.object({ day: z.iso.date(), minutes: z.number().int().min(5).max(480) }),
      outputSchema: z.object({ start: time, end: time }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ day, minutes }) => {
      const slot = calendar.freeSlot(day, minutes);
      return slot === undefined ? failed(`No ${minutes} minutes are free on ${day}.`) : structured({ ...slot });
    },
  );
  server.registerTool(
    'create_event',
    {
      title: 'Create an event',
      description: 'Puts an entry into the calendar.',
      inputSchema: z.object({
        title: z.string().min(1),
        start: time,
        end: time,
        attendees: z.array(z.string()).optional(),
      }),
      outputSchema: entry,
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    },
    ({ title, start, end, attendees }) => {
      if (Date.parse(end) <= Date.parse(start)) return failed('The end must be after the start.');
      return structured({ ...calendar.create({ title, start, end, attendees: attendees ?? [] }) });
    },
  );
  return server;
}
