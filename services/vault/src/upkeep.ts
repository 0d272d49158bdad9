import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Envelope } from './envelope.ts';
import type { VaultStore } from './vault-store.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3600 * 1000;

/**
 * Each minute: data keys under an older master key go over to the current one, so that the old one can leave the file,
 * and notices older than a day are deleted. Running on every replica at once does no harm.
 */
export function upkeep(
  store: Pick<VaultStore, 'rewrapDataKeys' | 'prune'>,
  envelope: Pick<Envelope, 'masterId' | 'rewrap'>,
  log: Logger,
): Component {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async () => {
    try {
      const keys = await store.rewrapDataKeys(envelope.masterId, envelope.rewrap);
      if (keys > 0) log.info('data keys went over to the current master key', { keys, masterId: envelope.masterId });
      await store.prune(Date.now() - DAY_MS);
    } catch (error) {
      log.warn('the upkeep of keys and notices failed', { error });
    }
  };
  return {
    name: 'upkeep',
    start() {
      timer = setInterval(() => {
        running = running.then(run);
      }, MINUTE_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
