/** Beyond so many in its time a batch was one of many. */
const BUSY = 16;
const QUIET_MS = 50;
const BUSY_MS = 250;

/**
 * Milliseconds for which the next batch gathers, by the length of the last one. A call and a commit cost the more an item,
 * the fewer share them, and each holds up the request that is under way; where there is little traffic, who looks at what
 * was just done need not wait.
 */
export function gatherMs(lastLength: number): number {
  return lastLength >= BUSY ? BUSY_MS : QUIET_MS;
}
