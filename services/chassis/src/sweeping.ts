import type { Logger } from './log.ts';
import type { Component } from './process.ts';

/** A store whose rows expire. */
export interface Swept {
  /** Deletes some of what expired before `nowMs` and answers how many rows went. */
  sweep(nowMs: number): Promise<number>;
}

/** Deletes what expired in small portions; `what` is said in the log. Running on every replica at once does no harm. */
export function sweeping(what: string, store: Swept, intervalMs: number, log: Logger): Component {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  const sweep = async () => {
    try {
      while (!stopped && (await store.sweep(Date.now())) > 0);
    } catch (error) {
      log.warn(`expired ${what} could not be deleted`, { error });
    }
  };
  return {
    name: 'sweeping',
    start() {
      timer = setInterval(() => {
        running = sweep();
      }, intervalMs);
      timer.unref();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
