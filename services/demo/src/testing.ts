import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { demoRoutes } from './server.ts';
import { openCalendar } from './tools/calendar.ts';
import { type Mailbox, openMailbox } from './tools/mailbox.ts';

/** A demo on a free loopback port. */
export interface RunningDemo {
  readonly url: string;
  readonly mailbox: Mailbox;
  /** Faults of the demo itself; a test that expects none checks that this is empty. */
  readonly faults: readonly Error[];
  close(): Promise<void>;
}

/** Serves the demo's routes without the rest of the process, for the tests of this package. */
export async function serveDemo(key?: string): Promise<RunningDemo> {
  const mailbox = openMailbox();
  const faults: Error[] = [];
  const app = express();
  app.use(
    demoRoutes({ key, mailbox, calendar: openCalendar(), count: () => {}, report: (error) => faults.push(error) }),
  );
  const server = createServer(app);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    mailbox,
    faults,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
