import type { Logger } from '@sallyport/chassis/log';
import type { Lifecycle } from '@sallyport/chassis/process';
import { type Authenticate, createAuthenticator } from './authentication.ts';
import type { Config } from './config.ts';
import type { Directory } from './directory/directory.ts';
import type { KeyStore } from './key-store.ts';
import { createLastUse } from './last-use.ts';
import type { Peppers } from './peppers.ts';

/** Opens authentication of virtual keys, which writes their last use and moves them to the current pepper beside it. */
export async function openKeyAuthentication(
  life: Lifecycle,
  options: {
    readonly config: Pick<Config, 'cacheTtl' | 'lastUseInterval'>;
    readonly store: KeyStore;
    readonly peppers: Peppers;
    readonly directory: Directory;
    readonly log: Logger;
  },
): Promise<Authenticate> {
  const { config, store, peppers, directory, log } = options;
  const lastUse = await life.use(createLastUse({ store, log, intervalMs: config.lastUseInterval }));
  return createAuthenticator({
    store,
    peppers,
    directory,
    cacheTtlMs: config.cacheTtl,
    onUse: lastUse.add,
    onOldPepper(match, secret) {
      store.replaceDigest(match, peppers.digest(secret)).catch((error: unknown) => {
        log.warn('a secret could not be moved to the current pepper', { keyId: match.key.id, error });
      });
    },
  });
}
