import type { Logger } from '@sallyport/chassis/log';
import type { Lifecycle } from '@sallyport/chassis/process';
import { deriveKey, sealer } from '@sallyport/chassis/seal';
import type { Config } from '../config.ts';
import { type AnswerCache, createAnswerCache } from './answer-cache.ts';
import { memoryAnswerStore } from './store-memory.ts';
import { redisAnswerStore } from './store-redis.ts';

/**
 * Opens the cache of answers: in Redis where there is one, else in this process, which alone finds them. Sealed under a key
 * of their own, derived from the secret that content is digested with: an answer lives no longer than a week, and one that
 * cannot be opened after a rotation is called again.
 */
export async function openAnswerCache(
  life: Lifecycle,
  config: Pick<Config, 'redis' | 'cache'>,
  { secret, log, away }: { readonly secret: string; readonly log: Logger; readonly away: { inc(): void } },
): Promise<AnswerCache> {
  const { maxEntryBytes, maxBytes, timeout: timeoutMs, wait: waitMs } = config.cache;
  const shared = {
    log,
    maxEntryBytes,
    timeoutMs,
    waitMs,
    sealer: sealer([{ id: 'answers', key: deriveKey(Buffer.from(secret), 'model-proxy answers') }]),
    signalAway: () => away.inc(),
  };
  if (config.redis === undefined) {
    log.info('answers are kept in this process: each replica finds its own only, until it ends');
    return createAnswerCache({ ...shared, store: memoryAnswerStore(maxBytes) });
  }
  // The client is loaded only where there is Redis: it is 2 MB.
  const { redisClient } = await import('@sallyport/chassis/redis');
  // Not part of readiness: without Redis each request goes to its provider.
  const connection = await life.use(redisClient(config.redis, log));
  return createAnswerCache({ ...shared, store: redisAnswerStore(connection.redis) });
}
