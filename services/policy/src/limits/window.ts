import { createHash } from 'node:crypto';
import type { Counted } from './match.ts';

/** A counter at one time: where it is kept, and when its window ends. */
export interface Window {
  /** Unique in the tenant: limit, dimension, subject and window. */
  readonly counter: string;
  /** Epoch milliseconds; 0 where nothing is counted by time. */
  readonly endsAtMs: number;
}

/**
 * The window that a counter is in. Windows are fixed and aligned to the epoch, so that every replica has the same.
 * What is held, not used up (concurrency), and what is counted per run has none.
 */
export function windowOf({ limit, dimension, subject }: Counted, nowMs: number): Window {
  const windowMs = dimension === 'concurrency' ? undefined : limit.windowMs;
  const startMs = windowMs === undefined ? 0 : Math.floor(nowMs / windowMs) * windowMs;
  // A digest, since subjects are names that others chose and may be long.
  const counter = createHash('sha256')
    .update(JSON.stringify([limit.uid, dimension, subject, startMs]))
    .digest('hex')
    .slice(0, 32);
  return { counter, endsAtMs: windowMs === undefined ? 0 : startMs + windowMs };
}
