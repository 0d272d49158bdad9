import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { type RedisConfig, readSecretFile } from './config.ts';
import { within } from './deadline.ts';
import type { Logger } from './log.ts';
import type { Component } from './process.ts';

/** A connection to Redis. */
export interface RedisConnection extends Component {
  /** Commands fail at once while there is no connection: who calls decides whether that means open or closed. */
  readonly redis: Redis;
  healthy(): Promise<true | string>;
  /** A second connection with the same settings, for subscriptions and blocking reads; closed with the first. */
  duplicate(): Redis;
  stop(deadlineMs: number): Promise<void>;
}

const MAX_BACKOFF_MS = 2000;

/** Connects in the background from `start` on, for ever, with jitter; a Redis that is away delays nothing. */
export function redisClient(config: RedisConfig, log: Logger): RedisConnection {
  const make = () => {
    const redis = new Redis(config.url, {
      lazyConnect: true,
      protocol: config.protocol,
      connectTimeout: config.connectTimeout,
      commandTimeout: config.commandTimeout,
      // A request must not wait out an outage in a queue that nobody sees.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      enableAutoPipelining: true,
      retryStrategy: (times) => Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(times, 6)) * (0.5 + Math.random() / 2),
      ...(config.passwordFile === undefined ? {} : { password: readSecretFile(config.passwordFile) }),
      ...(config.caFile === undefined ? {} : { tls: { ca: readFileSync(config.caFile, 'utf8') } }),
    });
    // Only changes are logged: a Redis that is away fails several times a second.
    let away = false;
    redis.on('error', (error) => {
      if (!away) log.warn('redis is away', { error });
      away = true;
    });
    redis.on('ready', () => {
      if (away) log.info('redis is back');
      away = false;
    });
    return redis;
  };
  const connect = (redis: Redis) => void redis.connect().catch(() => undefined);
  const redis = make();
  const all = [redis];
  return {
    name: 'redis',
    redis,
    start: () => connect(redis),
    duplicate() {
      const other = make();
      all.push(other);
      connect(other);
      return other;
    },
    healthy: async () => (redis.status === 'ready' ? true : 'redis does not answer'),
    async stop(deadlineMs) {
      await Promise.all(
        all.map((connection) =>
          within(connection.quit(), Math.max(50, Math.min(1000, deadlineMs - Date.now())), 'closing redis').catch(() =>
            connection.disconnect(),
          ),
        ),
      );
    },
  };
}
