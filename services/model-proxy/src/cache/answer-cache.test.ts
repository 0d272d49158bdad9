import { describe, expect, it } from '@jest/globals';
import { sealer } from '@sallyport/chassis/seal';
import { quiet } from '@sallyport/peers/testing';
import { chat, house } from '../turn/testing-provider.ts';
import { createAnswerCache } from './answer-cache.ts';
import type { AnswerStore } from './store.ts';
import { memoryAnswerStore } from './store-memory.ts';

describe('a cache that is away or busy', () => {
  const over = (store: AnswerStore, timeoutMs = 20) =>
    createAnswerCache({
      store,
      sealer: sealer([{ id: 'k', key: Buffer.alloc(32, 1) }]),
      log: quiet,
      maxEntryBytes: 100_000,
      timeoutMs,
      waitMs: 500,
    });

  it.each<[string, AnswerStore]>([
    [
      'that fails',
      { get: async () => Promise.reject(new Error('down')), set: async () => Promise.reject(new Error('down')) },
    ],
    ['that hangs', { get: () => new Promise(() => undefined), set: () => new Promise(() => undefined) }],
  ])(
    '[cache:away] %s costs a call of the provider and no error, and is not waited for by each request',
    async (_name, store) => {
      // What only the first request of a process takes is not what is looked at.
      await house(undefined, { cache: over(store) }).ask();
      const { ask, calls } = house(undefined, { cache: over(store) });
      const began = performance.now();
      for (let n = 0; n < 10; n++) {
        const { cache, error } = await ask();
        expect([cache, error]).toEqual(['bypass', undefined]);
      }
      expect(calls()).toBe(10);
      expect(performance.now() - began).toBeLessThan(1_000);
    },
  );

  it('[cache:sealed] holds nothing readable, and takes nothing that was sealed for another key', async () => {
    const held = new Map<string, Buffer>();
    const store: AnswerStore = {
      get: async (key) => held.get(key),
      set: async (key, value) => void held.set(key, value),
    };
    const { ask } = house(undefined, { cache: over(store) });
    await ask();
    await ask({ body: { seed: 1 } });
    expect([...held.values()].some((value) => value.includes('answer'))).toBe(false);
    const [one, two] = [...held.keys()] as [string, string];
    held.set(one, held.get(two) as Buffer);
    expect((await ask()).cache).toBe('miss');
  });

  it('[cache:bounded] keeps no more than it may, the oldest going first', async () => {
    const store = memoryAnswerStore(3_000);
    for (const key of ['a', 'b', 'c']) await store.set(key, Buffer.alloc(1_000), 1_000);
    expect(await store.get('a')).toBeUndefined();
    expect(await store.get('b')).toBeDefined();
    await store.set('d', Buffer.alloc(1_000), 1_000);
    expect([await store.get('c'), (await store.get('b'))?.length]).toEqual([undefined, 1_000]);
    await store.set('huge', Buffer.alloc(4_000), 1_000);
    expect(await store.get('huge')).toBeUndefined();
    let now = 0;
    const timed = memoryAnswerStore(3_000, () => now);
    await timed.set('a', Buffer.alloc(1), 10);
    now = 10;
    expect(await timed.get('a')).toBeUndefined();
  });

  it('[cache:single-flight] calls the provider once for requests that ask the same at the same time', async () => {
    const { ask, calls } = house();
    const all = await Promise.all(Array.from({ length: 8 }, () => ask()));
    expect(calls()).toBe(1);
    expect(all.filter(({ cache }) => cache === 'hit')).toHaveLength(7);
  });

  it('[cache:single-flight] lets the others go on where the first fails', async () => {
    const { ask, calls } = house((n) => (n === 1 ? '{' : chat(n)));
    const all = await Promise.all([ask(), ask(), ask()]);
    expect(all.filter(({ error }) => error !== undefined)).toHaveLength(1);
    expect(calls()).toBeLessThanOrEqual(3);
  });
});
