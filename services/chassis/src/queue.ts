import { GatewayError } from './errors.ts';

/** A queue in memory that never holds more than `max` items. */
export interface BoundedQueue<T> {
  /** False when the queue is full or closed: the item was dropped, and `onDrop` told. */
  push(item: T): boolean;
  /** Up to `max` items at once, without waiting. */
  take(max: number): T[];
  readonly size: number;
  /** No more items are taken in; readers end once it is empty. */
  close(): void;
  /** Items in order, waiting for more until the queue is closed. One reader. */
  [Symbol.asyncIterator](): AsyncIterator<T>;
}

/** What a full queue does with the item it has no room for. */
export interface BoundedQueueOptions<T> {
  readonly max: number;
  readonly onDrop?: (item: T) => void;
}

/** Makes a bounded queue: the newest item is the one dropped, so that what was accepted stays in order. */
export function boundedQueue<T>(options: BoundedQueueOptions<T>): BoundedQueue<T> {
  let items: T[] = [];
  let head = 0;
  let closed = false;
  let wake: (() => void) | undefined;
  const size = () => items.length - head;
  const take = (max: number): T[] => {
    const taken = items.slice(head, head + max);
    head += taken.length;
    // Dropping the consumed front only now and then keeps `take` linear over the life of the queue.
    if (head === items.length || head > 1024) {
      items = items.slice(head);
      head = 0;
    }
    return taken;
  };
  return {
    push(item) {
      if (closed || size() >= options.max) {
        options.onDrop?.(item);
        return false;
      }
      items.push(item);
      wake?.();
      return true;
    },
    take,
    get size() {
      return size();
    },
    close() {
      closed = true;
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (size() > 0) yield take(1)[0] as T;
        if (closed) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    },
  };
}

/** Gathers items and hands them on in batches. */
export interface Batcher<T> {
  /** Resolves when the batch with this item was flushed; rejects when its flush failed, or when too much waits. */
  add(item: T): Promise<void>;
  /** Flushes what waits and resolves when nothing is under way. */
  drain(): Promise<void>;
  readonly waiting: number;
}

/** When a batch is full or due, and how many items may wait (`unavailable` beyond; default 100 batches). */
export interface BatcherOptions<T> {
  readonly maxItems: number;
  /** Longest time in ms an item waits before its batch is flushed. 0: at the next turn of the event loop. */
  readonly maxDelayMs: number;
  readonly maxWaiting?: number;
  readonly flush: (items: T[]) => Promise<void>;
}

/** Makes a batcher with one flush under way at a time: while one is, the next batch gathers (group commit). */
export function batcher<T>(options: BatcherOptions<T>): Batcher<T> {
  interface Waiter {
    readonly item: T;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }
  const maxWaiting = options.maxWaiting ?? options.maxItems * 100;
  let waiters: Waiter[] = [];
  let timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  let running: Promise<void> | undefined;

  const disarm = () => {
    if (timer === undefined) return;
    clearTimeout(timer as NodeJS.Timeout);
    clearImmediate(timer as NodeJS.Immediate);
    timer = undefined;
  };
  const pump = async () => {
    while (waiters.length > 0) {
      const batch = waiters.slice(0, options.maxItems);
      waiters = waiters.slice(options.maxItems);
      try {
        await options.flush(batch.map((waiter) => waiter.item));
        for (const waiter of batch) waiter.resolve();
      } catch (error) {
        for (const waiter of batch) waiter.reject(error);
      }
    }
  };
  const kick = (): Promise<void> => {
    disarm();
    running ??= pump().finally(() => {
      running = undefined;
    });
    return running;
  };
  return {
    add(item) {
      if (waiters.length >= maxWaiting) {
        return Promise.reject(new GatewayError('unavailable', 'Too much waits to be written.'));
      }
      const done = new Promise<void>((resolve, reject) => waiters.push({ item, resolve, reject }));
      if (running === undefined) {
        if (waiters.length >= options.maxItems) void kick();
        else if (timer === undefined) {
          timer =
            options.maxDelayMs === 0
              ? setImmediate(() => void kick())
              : setTimeout(() => void kick(), options.maxDelayMs);
        }
      }
      return done;
    },
    async drain() {
      while (waiters.length > 0 || running !== undefined) await kick();
    },
    get waiting() {
      return waiters.length;
    },
  };
}
