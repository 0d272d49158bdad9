import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { KeyStore } from './key-store.ts';

const DAY_MS = 24 * 3600 * 1000;
const HOUR_MS = 3600 * 1000;

/** Deletes, each hour, what is a day old and no longer needed. Running on every replica at once does no harm. */
export function pruning(store: Pick<KeyStore, 'prune'>, log: Logger): Component {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const prune = async () => {
    try {
      await store.prune(Date.now() - DAY_MS);
    } catch (error) {
      log.warn('old rows could not be deleted', { error });
    }
  };
  return {
    name: 'pruning',
    start() {
      timer = setInterval(() => {
        running = prune();
      }, HOUR_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
