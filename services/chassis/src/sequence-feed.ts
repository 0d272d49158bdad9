import { GatewayError } from './errors.ts';
import type { Logger } from './log.ts';
import type { Component } from './process.ts';

/** A notice in a sequence that rises by one over all replicas of a service. */
export interface Sequenced {
  readonly sequence: number;
}

/** A sequence kept by a shared store, told to watchers on every replica. */
export interface SequenceFeed<T extends Sequenced> extends Component {
  /** Looks at the store now, since this replica just wrote to it. */
  poke(): void;
  /**
   * Notices from now on; `notice` is undefined in a heartbeat, whose `sequence` is the last one told. A heartbeat says
   * "nothing was missed": none is sent while the store cannot be read. Ends when the signal fires; throws `unavailable`
   * when this watcher fell too far behind or the store went back in time, so that it connects anew and drops its caches.
   * With `after`: first what was told since that sequence; `not_found` with `details.head` where it is no longer kept.
   */
  watch(
    signal: AbortSignal,
    after?: number,
  ): AsyncGenerator<{ readonly notice: T | undefined; readonly sequence: number }>;
}

/** Where notices come from and how fast. */
export interface SequenceFeedOptions<T extends Sequenced> {
  readonly name: string;
  readonly log: Logger;
  /** The head of the sequence and up to `limit` notices after `sequence`, in order. */
  readonly read: (sequence: number, limit: number) => Promise<{ head: number; notices: readonly T[] }>;
  /** How often the store is looked at and watchers get a heartbeat; default 250. */
  readonly everyMs?: number;
  /** Notices that a slow watcher may have waiting; default 10,000. */
  readonly maxWaiting?: number;
}

interface Watcher<T> {
  readonly waiting: T[];
  failed: GatewayError | undefined;
  wake: () => void;
}

const PAGE = 1000;
/** Looks that may fail or be late before heartbeats stop. */
const LOOKS = 2.5;

/**
 * Makes a feed that polls its store: one small query each 250 ms on each replica, however many watch. Its answer is also
 * when all watchers get their heartbeat, so an idle process wakes up twice for all of it.
 */
export function sequenceFeed<T extends Sequenced>(options: SequenceFeedOptions<T>): SequenceFeed<T> {
  const { name, log, read, everyMs = 250, maxWaiting = 10_000 } = options;
  const watchers = new Set<Watcher<T>>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let last: number | undefined;
  // Heartbeats stop soon after the last good look, well within the second after which readers must ask again; by a clock
  // that nobody sets back.
  let freshUntilMs = 0;
  let failing = false;
  let looking: Promise<void> | undefined;
  let again = false;

  const wakeAll = () => {
    for (const watcher of watchers) watcher.wake();
  };
  const failAll = (message: string) => {
    for (const watcher of watchers) watcher.failed = new GatewayError('unavailable', message);
    wakeAll();
  };
  const deliver = (notices: readonly T[]) => {
    for (const watcher of watchers) {
      if (watcher.waiting.length + notices.length > maxWaiting) {
        watcher.failed = new GatewayError('unavailable', 'The watcher fell too far behind.');
      } else watcher.waiting.push(...notices);
    }
    wakeAll();
  };
  const look = async () => {
    // What is read is known as of now at the earliest, however long it takes.
    const lookedMs = performance.now();
    const { head, notices } = await read(last ?? Number.MAX_SAFE_INTEGER, PAGE);
    if (last === undefined) last = head;
    else if (head < last) {
      log.warn('the sequence went back, watchers must start anew', { feed: name, head, last });
      last = head;
      failAll('The sequence went back.');
    } else if (notices.length > 0) {
      last = (notices[notices.length - 1] as T).sequence;
      deliver(notices);
    }
    if (notices.length < PAGE) freshUntilMs = lookedMs + LOOKS * everyMs;
    else again = true;
  };
  const lookAll = async () => {
    try {
      do {
        again = false;
        await look();
      } while (again && !stopped);
      if (failing) log.info('the feed is read again', { feed: name });
      failing = false;
    } catch (error) {
      if (!failing) log.warn('the feed cannot be read', { feed: name, error });
      failing = true;
    } finally {
      looking = undefined;
    }
  };
  const poke = () => {
    again = true;
    if (!stopped) looking ??= lookAll();
  };
  // A look that takes long holds no heartbeat back: what was known is so for a while.
  const tick = () => {
    if (looking !== undefined) wakeAll();
    else looking = lookAll().then(wakeAll);
  };
  return {
    name,
    start() {
      timer = setInterval(tick, everyMs);
      timer.unref();
      tick();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      failAll('The service is stopping.');
      await looking;
    },
    poke,
    async *watch(signal, after) {
      const watcher: Watcher<T> = { waiting: [], failed: undefined, wake: () => undefined };
      const onAbort = () => watcher.wake();
      watchers.add(watcher);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        let known = after ?? Number.NEGATIVE_INFINITY;
        for (let full = after !== undefined; full && !signal.aborted; ) {
          const { head, notices } = await read(known, PAGE);
          if (head < known || (head > known && notices[0]?.sequence !== known + 1)) {
            throw new GatewayError('not_found', 'What was told since then is no longer kept.', { details: { head } });
          }
          for (const notice of notices) yield { notice, sequence: notice.sequence };
          known = notices.at(-1)?.sequence ?? known;
          full = notices.length === PAGE;
        }
        for (let first = true; !signal.aborted; first = false) {
          if (!first) await woken(watcher, signal);
          let told = false;
          for (let notice = watcher.waiting.shift(); notice !== undefined; notice = watcher.waiting.shift()) {
            // Told already, out of the store.
            if (notice.sequence <= known) continue;
            told = true;
            yield { notice, sequence: notice.sequence };
          }
          if (watcher.failed !== undefined) throw watcher.failed;
          if (stopped) throw new GatewayError('unavailable', 'The service is stopping.');
          if (!told && last !== undefined && performance.now() < freshUntilMs)
            yield { notice: undefined, sequence: last };
        }
      } finally {
        watchers.delete(watcher);
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

/** Waits for the next notice or fault, the watcher's end, or the time of a heartbeat. */
function woken<T>(watcher: Watcher<T>, signal: AbortSignal): Promise<void> {
  if (watcher.waiting.length > 0 || watcher.failed !== undefined || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    watcher.wake = resolve;
  });
}
