import type { Logger } from '@sallyport/chassis/log';
import type { Lifecycle } from '@sallyport/chassis/process';
import type { RedisConnection } from '@sallyport/chassis/redis';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { asNumber, asString, parseObject } from '../chat/json.ts';
import type { Config } from '../config.ts';
import type { RoutingState } from './state.ts';

/** The channel on which replicas tell each other of breakers that opened. */
const CHANNEL = 'model-proxy:breakers';

/** Has breakers that open here open at the other replicas as well, where there is Redis; each closes its own by its own probes. */
export async function openSharedBreakers(
  life: Lifecycle,
  config: Pick<Config, 'redis'>,
  { routing, log }: { readonly routing: RoutingState; readonly log: Logger },
): Promise<void> {
  if (config.redis === undefined) return;
  const { redisClient } = await import('@sallyport/chassis/redis');
  // Not part of readiness: without Redis each replica finds out by itself.
  shareBreakers(await life.use(redisClient(config.redis, log)), routing, log);
}

/** Joins the breakers of this replica with those of the others on a connection. */
export function shareBreakers(
  { redis, duplicate }: Pick<RedisConnection, 'redis' | 'duplicate'>,
  routing: RoutingState,
  log: Logger,
): void {
  const replica = uuidv7();
  const listener = duplicate();
  listener.on('ready', () => {
    listener.subscribe(CHANNEL).catch((error: unknown) => log.debug('breakers of others are not heard of', { error }));
  });
  listener.on('message', (_channel, text) => {
    const { from, key, ms } = parseObject(text) ?? {};
    const openMs = asNumber(ms);
    const target = asString(key);
    if (from !== replica && target !== undefined && openMs !== undefined) routing.heardOpened(target, openMs);
  });
  routing.onOpened = (key, ms) => {
    redis
      .publish(CHANNEL, JSON.stringify({ from: replica, key, ms: Math.ceil(ms) }))
      .catch((error: unknown) => log.debug('that a breaker opened could not be told', { error }));
  };
}
