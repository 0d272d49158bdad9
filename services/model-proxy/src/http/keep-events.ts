import type { KeptResponse, Owner, ResponseStore } from '../responses/kept.ts';
import type { LiveEvents } from '../responses/live-events.ts';
import { isRunning } from '../responses/prepare.ts';
import type { Gate } from '../turn/gate.ts';

/** How often what was told of a stream is kept, for who reads it elsewhere; less often the longer it is. */
const KEEP_MS = 250;
const KEEP_MS_A_MEGABYTE = 2_000;
/** However long a request was, what is told of its answer is kept as often as this. */
const LONGEST_FOR_REQUEST_MS = 3_000;

/**
 * Keeps what was told of a stream, again and again until it is over, so that others can read it. `bytes`: size of the request,
 * which stands in the same row and is read with it each time. Never throws.
 */
export async function keepEvents(
  store: Pick<ResponseStore, 'alter'>,
  owner: Owner,
  id: string,
  live: Pick<LiveEvents, 'isOver' | 'rest' | 'text'>,
  bytes: number,
  { log }: Pick<Gate, 'log'>,
): Promise<void> {
  const forRequest = Math.min(LONGEST_FOR_REQUEST_MS, megabytes(bytes) * KEEP_MS_A_MEGABYTE);
  let kept = '';
  while (!live.isOver()) {
    await live.rest(KEEP_MS + megabytes(kept.length) * KEEP_MS_A_MEGABYTE + forRequest);
    const events = live.text();
    if (live.isOver() || events === kept) continue;
    kept = events;
    const put = (one: KeptResponse) => (isRunning(one.response) ? { ...one, events } : undefined);
    await store.alter(owner, id, put).catch((error: unknown) => {
      log.debug('What a response in the background said could not be kept', { response: id, error });
    });
  }
}

function megabytes(length: number): number {
  return length / 1_000_000;
}
