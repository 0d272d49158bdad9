import { describe, expect, it } from '@jest/globals';
import { sleep } from './deadline.ts';
import { batcher, boundedQueue } from './queue.ts';

describe('boundedQueue', () => {
  it('drops the newest when full and tells', () => {
    const dropped: number[] = [];
    const queue = boundedQueue<number>({ max: 2, onDrop: (item) => dropped.push(item) });
    expect([1, 2, 3].map((item) => queue.push(item))).toEqual([true, true, false]);
    expect(dropped).toEqual([3]);
    expect(queue.take(10)).toEqual([1, 2]);
    expect(queue.push(4)).toBe(true);
  });

  it('keeps order and bound over many items', () => {
    const queue = boundedQueue<number>({ max: 3000 });
    const seen: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      queue.push(i);
      if (i % 3 === 0) seen.push(...queue.take(3));
    }
    seen.push(...queue.take(1e9));
    expect(seen).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
    expect(queue.size).toBe(0);
  });

  it('hands items to a waiting reader and ends after close', async () => {
    const queue = boundedQueue<number>({ max: 10 });
    const reading = (async () => {
      const seen: number[] = [];
      for await (const item of queue) seen.push(item);
      return seen;
    })();
    await sleep(1);
    queue.push(1);
    await sleep(1);
    queue.push(2);
    queue.close();
    expect(queue.push(3)).toBe(false);
    expect(await reading).toEqual([1, 2]);
  });
});

describe('batcher', () => {
  it('flushes when full, and after the delay when not', async () => {
    const batches: number[][] = [];
    const adding = batcher<number>({ maxItems: 3, maxDelayMs: 10, flush: async (items) => void batches.push(items) });
    await Promise.all([1, 2, 3, 4].map((item) => adding.add(item)));
    expect(batches).toEqual([[1, 2, 3], [4]]);
    await adding.add(5);
    expect(batches.at(-1)).toEqual([5]);
  });

  it('gathers the next batch while one is under way', async () => {
    const batches: number[][] = [];
    const begun = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    const adding = batcher<number>({
      maxItems: 100,
      maxDelayMs: 0,
      flush: async (items) => {
        batches.push(items);
        begun.resolve();
        await written.promise;
      },
    });
    const first = adding.add(1);
    await begun.promise;
    const rest = [adding.add(2), adding.add(3)];
    written.resolve();
    await Promise.all([first, ...rest]);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  it('tells each of a failed batch, and goes on with the next', async () => {
    let fail = true;
    const adding = batcher<number>({
      maxItems: 2,
      maxDelayMs: 1,
      flush: async () => {
        if (fail) throw new Error('no');
      },
    });
    const results = await Promise.allSettled([adding.add(1), adding.add(2)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fail = false;
    await adding.add(3);
  });

  it('refuses what is more than may wait', async () => {
    let release: () => void = () => undefined;
    const adding = batcher<number>({
      maxItems: 1,
      maxDelayMs: 0,
      maxWaiting: 2,
      flush: () => new Promise((resolve) => (release = resolve)),
    });
    const first = adding.add(0);
    const rest = [adding.add(1), adding.add(2), adding.add(3)];
    await expect(rest[2]).rejects.toMatchObject({ code: 'unavailable' });
    const settled = Promise.all([first, rest[0], rest[1]]);
    for (let i = 0; i < 3; i++) {
      await sleep(1);
      release();
    }
    await settled;
    await adding.drain();
  });
});
