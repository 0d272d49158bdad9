import { createHash } from 'node:crypto';
import { GRANT_SCRIPT, SETTLE_SCRIPT } from './redis-scripts.ts';
import type { CounterGrant, LimitStore } from './store.ts';

/** What is used of a Redis client. */
export interface RedisCommands {
  evalsha(sha: string, keys: number, ...rest: (string | number)[]): Promise<unknown>;
  eval(script: string, keys: number, ...rest: (string | number)[]): Promise<unknown>;
  exists(key: string): Promise<number>;
}

/**
 * Counters in Redis, for any number of replicas. Policy owns every key that begins with `sallyport:policy:`; the tenant
 * is the hash tag, so that the counters of one request are on one node of a cluster.
 */
export function redisLimitStore(redis: RedisCommands): LimitStore {
  const key = (tenant: string, kind: 'c' | 'r', id: string) =>
    `sallyport:policy:{${encodeURIComponent(tenant)}}:${kind}:${id}`;
  const grantScript = script(redis, GRANT_SCRIPT);
  const settleScript = script(redis, SETTLE_SCRIPT);

  return {
    async grant(tenant, requestId, asks) {
      const keys = [key(tenant, 'r', requestId), ...asks.map((ask) => key(tenant, 'c', ask.counter))];
      const answerMs = Math.max(1, Math.min(...asks.map((ask) => Math.floor(ask.leaseMs))));
      const values = asks.flatMap((ask) => [
        ask.leaseId,
        ask.bound,
        ask.needed,
        ask.fraction,
        Math.ceil(ask.keepMs),
        Math.floor(ask.leaseMs),
        ask.initial,
      ]);
      const answer = await grantScript(keys, [asks.length, answerMs, ...values]);
      return String(answer).split('\n').map(readGrant);
    },
    async settle(spent) {
      const unknown: string[] = [];
      for (const one of spent) {
        const values = [one.leaseId, one.amount, one.final ? 1 : 0, Math.floor(one.leaseMs)];
        const known = await settleScript([key(one.tenant, 'c', one.counter)], values);
        if (known === 0) unknown.push(one.leaseId);
      }
      return unknown;
    },
    async unknown(tenant, counters) {
      const found = await Promise.all(counters.map((counter) => redis.exists(key(tenant, 'c', counter))));
      return counters.filter((_, index) => found[index] === 0);
    },
  };
}

function readGrant(line: string): CounterGrant {
  const [leaseId = '', granted, remaining, exhausted] = line.split(' ');
  return { leaseId, granted: Number(granted), remaining: Number(remaining), exhausted: exhausted === '1' };
}

/** Runs a script by its digest; a Redis that does not know it (restarted, flushed) is sent the text. */
function script(redis: RedisCommands, text: string) {
  const sha = createHash('sha1').update(text).digest('hex');
  return async (keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...values);
    } catch (error) {
      if (!String(error).includes('NOSCRIPT')) throw error;
      return redis.eval(text, keys.length, ...keys, ...values);
    }
  };
}
