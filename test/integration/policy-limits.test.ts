import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { blocks, checkConfig, type RedisConfig } from '@sallyport/chassis/config';
import { createLogger } from '@sallyport/chassis/log';
import { type RedisConnection, redisClient } from '@sallyport/chassis/redis';
import { freePort } from '@sallyport/cli/dev/ports';
import type { CounterAsk, LimitStore } from '../../services/policy/src/limits/store.ts';
import { memoryLimitStore } from '../../services/policy/src/limits/store-memory.ts';
import { redisLimitStore } from '../../services/policy/src/limits/store-redis.ts';

// `make dev` needs no Redis, so a machine may have none: then these are skipped, and counted as such.
const BINARY = process.env.REDIS_SERVER ?? 'redis-server';
const found = spawnSync(BINARY, ['--version']).status === 0;

const withRedis = found ? describe : describe.skip;

withRedis('limits in Redis (skipped where there is no redis-server)', () => {
  let server: ChildProcess;
  let connection: RedisConnection;
  let store: LimitStore;
  let leases = 0;

  beforeAll(async () => {
    const port = await freePort();
    server = spawn(BINARY, ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
      stdio: 'ignore',
    });
    const config = checkConfig(blocks.redis, { url: `redis://127.0.0.1:${port}`, commandTimeout: '2s' });
    connection = redisClient(config as RedisConfig, createLogger({ service: 'test', level: 'error' }));
    await connection.start?.();
    for (let i = 0; i < 100 && (await connection.healthy()) !== true; i++) await pause(50);
    store = redisLimitStore(connection.redis);
  }, 20_000);
  afterAll(async () => {
    await connection?.stop(Date.now() + 1000);
    server?.kill('SIGTERM');
  });

  const ask = (fields: Partial<CounterAsk> = {}): CounterAsk => ({
    counter: 'a',
    leaseId: `lease-${leases++}`,
    bound: 1000,
    needed: 1,
    fraction: 0.1,
    keepMs: 600_000,
    leaseMs: 60_000,
    initial: 0,
    ...fields,
  });

  it('[policy:lease-same-rules] grants and settles exactly as the store in memory does', async () => {
    const memory = memoryLimitStore();
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    const open: { leaseId: string; counter: string; granted: number }[] = [];
    for (let i = 0; i < 300; i++) {
      const one = open[random(open.length || 1)];
      if (random(3) > 0 || one === undefined) {
        const asks = ['x', 'y'].slice(random(2)).map((counter) => ask({ counter, needed: random(80), bound: 997.5 }));
        const grants = await store.grant('acme', `r${i}`, asks);
        expect(grants).toEqual(await memory.grant('acme', `r${i}`, asks));
        expect(await store.grant('acme', `r${i}`, asks)).toEqual(await memory.grant('acme', `r${i}`, asks));
        grants.forEach((grant, index) => {
          if (grant.granted > 0) open.push({ ...grant, counter: asks[index]?.counter ?? '' });
        });
      } else {
        const amount = random(Math.ceil(one.granted) + 5);
        const spent = [{ tenant: 'acme', ...one, amount, final: random(2) === 0, leaseMs: 60_000 }];
        await Promise.all([store.settle(spent), memory.settle(spent)]);
      }
    }
  });

  it('[policy:lease-concurrent] never grants more than the bound, however many ask at once', async () => {
    const grants = await Promise.all(
      Array.from({ length: 300 }, (_, i) => store.grant('acme', `many-${i}`, [ask({ counter: 'many', needed: 7 })])),
    );
    const sum = grants.flat().reduce((total, one) => total + one.granted, 0);
    expect(sum).toBeLessThanOrEqual(1000);
    expect(sum).toBeGreaterThan(990);
  });

  it('[policy:lease-expiry] what an expired lease did not spend is granted to others', async () => {
    const [first] = await store.grant('acme', 'e1', [ask({ counter: 'e', needed: 1000, leaseMs: 2_000 })]);
    expect(first?.granted).toBe(1000);
    const lease = { tenant: 'acme', counter: 'e', leaseId: first?.leaseId ?? '', leaseMs: 1 };
    await store.settle([{ ...lease, amount: 400, final: false }]);
    expect((await store.grant('acme', 'e2', [ask({ counter: 'e' })]))[0]?.exhausted).toBe(true);
    await pause(2_050);
    expect((await store.grant('acme', 'e3', [ask({ counter: 'e', fraction: 1 })]))[0]?.granted).toBe(600);
  });

  it('tenants have counters of their own, and what it never counted is unknown to it', async () => {
    await store.grant('acme', 't', [ask({ counter: 't', needed: 1000 })]);
    expect((await store.grant('globex', 't', [ask({ counter: 't' })]))[0]?.granted).toBe(100);
    expect(await store.unknown('acme', ['t', 'u'])).toEqual(['u']);
    expect((await store.grant('acme', 'u', [ask({ counter: 'u', initial: 999 })]))[0]?.remaining).toBe(0);
  });
});
