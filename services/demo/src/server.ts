import { Router } from 'express';
import { keyCheck } from './keys.ts';
import type { CountCall } from './metrics.ts';
import type { Calendar } from './tools/calendar.ts';
import { calendarServer } from './tools/calendar-server.ts';
import type { Mailbox } from './tools/mailbox.ts';
import { mailboxServer } from './tools/mailbox-server.ts';
import { mountMcp } from './tools/mount.ts';
import { anthropicWire, openAiWire } from './wires/provider.ts';

/** What the demo's routes need. */
export interface DemoOptions {
  /** The key that model and tool endpoints demand; absent: none. */
  readonly key?: string | undefined;
  readonly mailbox: Mailbox;
  readonly calendar: Calendar;
  readonly count: CountCall;
  /** Ends the tool servers' open notification streams, which would hold up a drain. */
  readonly stopping?: AbortSignal;
  /** Takes faults of the demo itself, for the log. */
  readonly report: (error: Error) => void;
}

/**
 * All routes of the demo: `/openai/v1`, `/anthropic/v1`, `/mcp/mailbox`, `/mcp/calendar`.
 * `GET /mailbox/sent` and `POST /mailbox/reset` ask for no key: they are how a person or a test sees whether a mail went out.
 */
export function demoRoutes({ key, mailbox, calendar, count, report, stopping }: DemoOptions): Router {
  const check = keyCheck(key);
  const mcp = { key: check, report, stopping };
  const router = Router();
  router.use('/openai', openAiWire({ key: check, count, report }));
  router.use('/anthropic', anthropicWire({ key: check, count, report }));
  router.use(
    '/mcp/mailbox',
    mountMcp(() => mailboxServer(mailbox), mcp),
  );
  router.use(
    '/mcp/calendar',
    mountMcp(() => calendarServer(calendar), mcp),
  );
  router.get('/mailbox/sent', (_req, res) => {
    res.json({ sent: mailbox.sent() });
  });
  router.post('/mailbox/reset', (_req, res) => {
    mailbox.reset();
    calendar.reset();
    res.status(204).end();
  });
  return router;
}
