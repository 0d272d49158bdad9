/** A queue of keys as client-go has it: a key waits at most once, and is worked on by one worker at a time. */
export interface WorkQueue {
  /** Work on a key soon. While it is being worked on, it is put back at the end of that. */
  add(key: string): void;
  /** Work on a key after a time; an earlier addition wins. */
  addAfter(key: string, delayMs: number): void;
  /** Work on a key again after a failure, each time later: 5 ms doubled up to the maximum. */
  retry(key: string): void;
  /** Forget the failures of a key. */
  forget(key: string): void;
  /** Keys that wait, without those that wait for a time. */
  size(): number;
  /** No more work is begun; resolves when what runs has ended. */
  stop(): Promise<void>;
}

/** How a queue works. */
export type WorkQueueOptions = {
  /** Handles one key. What it throws is given to `onError`, and the key is retried. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  readonly onError: (key: string, error: unknown) => void;
  /** How many keys at the same time. Default 2. */
  readonly workers?: number;
  /** Longest wait before a retry. Default 60,000. */
  readonly maxRetryMs?: number;
  readonly firstRetryMs?: number;
};

/** Makes a queue; it works as soon as something is added. */
export function workQueue(options: WorkQueueOptions): WorkQueue {
  const { work, onError, workers = 2, maxRetryMs = 60_000, firstRetryMs = 5 } = options;
  const waiting = new Set<string>();
  const running = new Set<string>();
  const again = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Map<string, { timer: NodeJS.Timeout; dueMs: number }>();
  const life = new AbortController();
  let idle: (() => void)[] = [];

  const next = () => {
    while (running.size < workers && !life.signal.aborted) {
      const [key] = waiting;
      if (key === undefined) return;
      waiting.delete(key);
      running.add(key);
      void handle(key);
    }
  };

  const handle = async (key: string) => {
    try {
      await work(key, life.signal);
    } catch (error) {
      onError(key, error);
      queue.retry(key);
    } finally {
      running.delete(key);
      if (again.delete(key)) queue.add(key);
      if (running.size === 0) {
        for (const resolve of idle) resolve();
        idle = [];
      }
      // Behind what else is to do: ten thousand keys whose work waits for nothing would let nobody in.
      setImmediate(next);
    }
  };

  const queue: WorkQueue = {
    add(key) {
      if (life.signal.aborted) return;
      if (running.has(key)) {
        again.add(key);
        return;
      }
      waiting.add(key);
      // Not at once: what is added in one go is worked on together, and `add` never runs work in its caller's stack.
      queueMicrotask(next);
    },
    addAfter(key, delayMs) {
      if (life.signal.aborted) return;
      const dueMs = Date.now() + delayMs;
      const held = timers.get(key);
      if (held !== undefined && held.dueMs <= dueMs) return;
      clearTimeout(held?.timer);
      const timer = setTimeout(
        () => {
          timers.delete(key);
          queue.add(key);
        },
        // A longer timer would fire at once; waking up early only means one look too many.
        Math.min(delayMs, 2 ** 31 - 1),
      );
      timer.unref();
      timers.set(key, { timer, dueMs });
    },
    retry(key) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      queue.addAfter(key, Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(count, 30)));
    },
    forget: (key) => void failures.delete(key),
    size: () => waiting.size,
    async stop() {
      life.abort();
      waiting.clear();
      for (const { timer } of timers.values()) clearTimeout(timer);
      timers.clear();
      if (running.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
  return queue;
}
