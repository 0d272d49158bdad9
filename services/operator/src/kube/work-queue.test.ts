import { describe, expect, it } from '@jest/globals';
import { workQueue } from './work-queue.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const ignore = () => undefined;

describe('workQueue', () => {
  it('works once on a key that is added several times', async () => {
    const done: string[] = [];
    const queue = workQueue({ work: async (key) => void done.push(key), onError: ignore });
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    await pause(10);
    expect(done).toEqual(['a', 'b']);
    await queue.stop();
  });

  it('never works on one key twice at the same time, and puts it back when it is added meanwhile', async () => {
    let running = 0;
    let most = 0;
    let count = 0;
    const queue = workQueue({
      workers: 4,
      onError: ignore,
      async work() {
        most = Math.max(most, ++running);
        count++;
        await pause(10);
        running--;
      },
    });
    queue.add('a');
    await pause(3);
    queue.add('a');
    queue.add('a');
    await pause(50);
    expect([most, count]).toEqual([1, 2]);
    await queue.stop();
  });

  it('retries what failed, each time later, until it is forgotten', async () => {
    const at: number[] = [];
    const queue = workQueue({
      firstRetryMs: 10,
      maxRetryMs: 1000,
      onError: ignore,
      async work() {
        at.push(performance.now());
        if (at.length < 4) throw new Error('not yet');
      },
    });
    queue.add('a');
    await pause(200);
    expect(at.length).toBe(4);
    const gaps = at.slice(1).map((time, index) => time - at[index]!);
    expect(gaps[1]!).toBeGreaterThan(gaps[0]! * 1.2);
    expect(gaps[2]!).toBeGreaterThan(gaps[1]! * 1.2);
    await queue.stop();
  });

  it('keeps the earlier of two times, and begins nothing after it stopped', async () => {
    const done: string[] = [];
    const queue = workQueue({ work: async (key) => void done.push(key), onError: ignore });
    queue.addAfter('a', 10);
    queue.addAfter('a', 5000);
    await pause(40);
    expect(done).toEqual(['a']);
    queue.addAfter('b', 5);
    await queue.stop();
    queue.add('c');
    await pause(20);
    expect(done).toEqual(['a']);
  });

  it('waits at stop for what is being worked on, and tells it to end', async () => {
    let ended = false;
    const queue = workQueue({
      onError: ignore,
      async work(_, signal) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        ended = true;
      },
    });
    queue.add('a');
    await pause(5);
    await queue.stop();
    expect(ended).toBe(true);
  });
});
