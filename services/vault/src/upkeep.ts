import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { OAuthStore } from './oauth/oauth-store.ts';
import type { VaultStore } from './vault-store.ts';

/** How long a value may be without a grant: longer than the time between its arrival and its grant. */
const UNGRANTED_MS = 10 * 60_000;
const DAY_MS = 24 * 3600 * 1000;

/** What upkeep works on, and how often. */
export interface UpkeepOptions {
  readonly store: Pick<VaultStore, 'removeUngranted' | 'prune'>;
  readonly flows: Pick<OAuthStore, 'prune'>;
  readonly log: Logger;
  readonly intervalMs: number;
}

/**
 * Now and then: values that nothing may lease any more and notices older than a day are deleted. Running on every replica
 * at once does no harm.
 */
export function upkeep({ store, flows, log, intervalMs }: UpkeepOptions): Component {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async () => {
    try {
      const values = await store.removeUngranted(Date.now() - UNGRANTED_MS);
      if (values > 0) log.info('values without a grant were deleted', { values });
      await store.prune(Date.now() - DAY_MS);
      await flows.prune();
    } catch (error) {
      log.warn('the upkeep of values and notices failed', { error });
    }
  };
  return {
    name: 'upkeep',
    start() {
      timer = setInterval(() => {
        running = running.then(run);
      }, intervalMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
