import type { ServerResponse } from 'node:http';

/** Longest that a client takes nothing of what was written to it. */
const STALLED_MS = 120_000;

/**
 * Resolves when more can be written, or nobody reads any more. A client that takes nothing for `stalledMs` is cut off: it would
 * hold what its answer holds for as long as it likes.
 */
export function drained(res: ServerResponse, stalledMs = STALLED_MS): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => res.destroy(), stalledMs).unref();
    const done = () => {
      clearTimeout(timer);
      res.off('drain', done).off('close', done);
      resolve();
    };
    res.once('drain', done).once('close', done);
    // What was closed before tells it no more.
    if (res.closed) done();
  });
}
