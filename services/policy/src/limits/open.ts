import type { RedisConfig } from '@sallyport/chassis/config';
import type { Logger } from '@sallyport/chassis/log';
import type { Lifecycle } from '@sallyport/chassis/process';
import type { LimitStore } from './store.ts';
import { memoryLimitStore } from './store-memory.ts';
import { redisLimitStore } from './store-redis.ts';

/** Opens the counters: in Redis where there is one, else in this process, which then has to be the only replica. */
export async function openLimits(
  life: Lifecycle,
  config: { readonly redis?: RedisConfig | undefined },
  log: Logger,
): Promise<LimitStore> {
  if (config.redis === undefined) {
    log.warn('limits are counted in this process: run one replica only; windows begin anew when it starts');
    return life.use(memoryLimitStore());
  }
  // The client is loaded only where there is Redis: it is 2 MB.
  const { redisClient } = await import('@sallyport/chassis/redis');
  // Not part of readiness: without Redis, each limit's failurePolicy says what happens.
  const connection = await life.use(redisClient(config.redis, log));
  return redisLimitStore(connection.redis);
}
