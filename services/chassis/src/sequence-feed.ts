import { sleep } from './deadline.ts';
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
  /** Default 200. */
  readonly pollMs?: number;
  /** Default 250. */
  readonly heartbeatMs?: number;
  /** Notices that a slow watcher may have waiting; default 10,000. */
  readonly maxWaiting?: number;
}

interface Watcher<T> {
  readonly waiting: T[];
  failed: GatewayError | undefined;
  wake: () => void;
}

const PAGE = 1000;

/** Makes a feed that polls its store: one small query each 200 ms on each replica, however many watch. */
export function sequenceFeed<T extends Sequenced>(options: SequenceFeedOptions<T>): SequenceFeed<T> {
  const { name, log, read, pollMs = 200, heartbeatMs = 250, maxWaiting = 10_000 } = options;
  const watchers = new Set<Watcher<T>>();
  const life = new AbortController();
  let last: number | undefined;
  // Heartbeats stop soon after the last good look, well within the second after which readers must ask again; by a clock
  // that nobody sets back.
  let freshUntilMs = 0;
  let failing = false;
  let looking: Promise<void> = Promise.resolve();
  let nap = new AbortController();

  const failAll = (message: string) => {
    for (const watcher of watchers) {
      watcher.failed = new GatewayError('unavailable', message);
      watcher.wake();
    }
  };
  const deliver = (notices: readonly T[]) => {
    for (const watcher of watchers) {
      if (watcher.waiting.length + notices.length > maxWaiting) {
        watcher.failed = new GatewayError('unavailable', 'The watcher fell too far behind.');
      } else watcher.waiting.push(...notices);
      watcher.wake();
    }
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
    if (notices.length < PAGE) freshUntilMs = lookedMs + 2 * pollMs + heartbeatMs;
  };
  const loop = async () => {
    while (!life.signal.aborted) {
      try {
        await look();
        if (failing) log.info('the feed is read again', { feed: name });
        failing = false;
      } catch (error) {
        if (!failing) log.warn('the feed cannot be read', { feed: name, error });
        failing = true;
      }
      if (!nap.signal.aborted) await sleep(pollMs, nap.signal).catch(() => undefined);
      if (!life.signal.aborted) nap = new AbortController();
    }
  };
  return {
    name,
    start() {
      looking = loop();
    },
    async stop() {
      life.abort();
      nap.abort();
      failAll('The service is stopping.');
      await looking;
    },
    poke: () => nap.abort(),
    async *watch(signal, after) {
      const watcher: Watcher<T> = { waiting: [], failed: undefined, wake: () => undefined };
      watchers.add(watcher);
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
          if (!first) await pause(watcher, signal, heartbeatMs);
          let told = false;
          for (let notice = watcher.waiting.shift(); notice !== undefined; notice = watcher.waiting.shift()) {
            // Told already, out of the store.
            if (notice.sequence <= known) continue;
            told = true;
            yield { notice, sequence: notice.sequence };
          }
          if (watcher.failed !== undefined) throw watcher.failed;
          if (life.signal.aborted) throw new GatewayError('unavailable', 'The service is stopping.');
          if (!told && last !== undefined && performance.now() < freshUntilMs)
            yield { notice: undefined, sequence: last };
        }
      } finally {
        watchers.delete(watcher);
      }
    },
  };
}

/** Waits for the next notice or fault, the watcher's end, or the time of a heartbeat. */
function pause<T>(watcher: Watcher<T>, signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      watcher.wake = () => undefined;
      resolve();
    };
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener('abort', done, { once: true });
    watcher.wake = done;
    if (watcher.waiting.length > 0 || watcher.failed !== undefined || signal.aborted) done();
  });
}
