import { sleep } from '@sallyport/chassis/deadline';

/** A server that tells something all the time is not heard all the time. */
export const AT_MOST_EVERY_MS = 1_000;

/** What calls `told` at once, and once more for all that comes within a second of it; nothing after the signal has fired. */
export function atMostOften(told: () => void, signal: AbortSignal, everyMs: number = AT_MOST_EVERY_MS): () => void {
  let last = Number.NEGATIVE_INFINITY;
  let later: NodeJS.Timeout | undefined;
  signal.addEventListener('abort', () => clearTimeout(later), { once: true });
  const now = () => {
    later = undefined;
    last = performance.now();
    told();
  };
  return () => {
    if (later !== undefined || signal.aborted) return;
    const waitMs = last + everyMs - performance.now();
    if (waitMs <= 0) return now();
    later = setTimeout(now, waitMs);
    later.unref();
  };
}

/**
 * A body of which no more is read than so many bytes a second: what comes beyond waits at its sender, so that a flood of
 * notices costs their parsing at this pace only.
 */
export async function* paced(
  body: AsyncIterable<Buffer>,
  bytesPerSecond: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  let since = performance.now();
  let bytes = 0;
  for await (const chunk of body) {
    const now = performance.now();
    if (now - since >= 1_000) {
      since = now;
      bytes = 0;
    }
    bytes += chunk.length;
    yield chunk;
    if (bytes > bytesPerSecond) await sleep(Math.ceil((bytes / bytesPerSecond) * 1_000), signal);
  }
}
