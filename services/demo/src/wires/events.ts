import { once } from 'node:events';
import type { Response } from 'express';

/** One server-sent event; `name` only where the wire names its events. */
export interface ServerEvent {
  readonly name?: string;
  readonly data: string;
}

/** Writes server-sent events with backpressure; stops early when the client has gone. */
export async function writeEvents(res: Response, events: Iterable<ServerEvent>): Promise<void> {
  res.set({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  });
  res.flushHeaders();
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  try {
    for (const { name, data } of events) {
      if (gone.signal.aborted) return;
      const more = res.write(`${name === undefined ? '' : `event: ${name}\n`}data: ${data}\n\n`);
      if (!more) await once(res, 'drain', { signal: gone.signal });
    }
    res.end();
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}
