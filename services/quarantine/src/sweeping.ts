import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { ExtractionStore } from './extraction-store.ts';

/** Deletes what expired in small portions. Running on every replica at once does no harm. */
export function sweeping(store: Pick<ExtractionStore, 'sweep'>, intervalMs: number, log: Logger): Component {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  const sweep = async () => {
    try {
      while (!stopped && (await store.sweep(Date.now())) > 0);
    } catch (error) {
      log.warn('expired extractions could not be deleted', { error });
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
