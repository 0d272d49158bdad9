import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Forget } from './forgetting.ts';
import type { OAuthStore } from './oauth/oauth-store.ts';
import type { VaultStore } from './vault-store.ts';

/** How long a value may be without a grant: longer than the time between its arrival and its grant. */
const UNGRANTED_MS = 10 * 60_000;
const DAY_MS = 24 * 3600 * 1000;
/** What people brought outlives its resource for so long: it may be away for a while. */
const FORGOTTEN_MS = 30 * DAY_MS;

/** What upkeep works on, and how often. */
export interface UpkeepOptions {
  readonly store: Pick<VaultStore, 'removeUngranted' | 'prune'>;
  readonly flows: Pick<OAuthStore, 'prune'>;
  readonly forget: Forget;
  readonly log: Logger;
  readonly intervalMs: number;
}

/**
 * Now and then: values that nothing may lease any more, what people brought for resources that are gone, and notices older
 * than a day are deleted. Running on every replica at once does no harm.
 */
export function upkeep({ store, flows, forget, log, intervalMs }: UpkeepOptions): Component {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async () => {
    try {
      const values = await store.removeUngranted(Date.now() - UNGRANTED_MS);
      if (values > 0) log.info('values without a grant were deleted', { values });
      await store.prune(Date.now() - DAY_MS);
      await flows.prune();
      const brought = await forget(Date.now() - FORGOTTEN_MS);
      if (brought > 0) log.info('what people brought for resources that are gone was deleted', { brought });
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
