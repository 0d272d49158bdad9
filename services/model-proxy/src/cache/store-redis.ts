import type { AnswerStore } from './store.ts';

/** What is used of a Redis client. */
export interface RedisCommands {
  getBuffer(key: string): Promise<Buffer | null>;
  set(key: string, value: Buffer, unit: 'PX', ttlMs: number): Promise<unknown>;
}

/** Answers in Redis, for any number of replicas. model-proxy owns every key that begins with `sallyport:model-proxy:`. */
export function redisAnswerStore(redis: RedisCommands): AnswerStore {
  const place = (key: string) => `sallyport:model-proxy:${key}`;
  return {
    get: async (key) => (await redis.getBuffer(place(key))) ?? undefined,
    async set(key, value, ttlMs) {
      await redis.set(place(key), value, 'PX', Math.max(1, Math.floor(ttlMs)));
    },
  };
}
