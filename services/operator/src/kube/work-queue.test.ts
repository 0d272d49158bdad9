import { describe, expect, it } from '@jest/globals';
import { workQueue } from './work-queue.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const ignore = () => undefined;
const until = async (holds: () => boolean) => {
  for (let i = 0; i < 1_000 && !holds(); i++) await pause(5);
};

describe('workQueue', () => {
  it('works once on a key that is added several times', async () => {
    const done: string[] = [];
    const queue = workQueue({ work: async (key) => void done.push(key), onError: ignore });
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    await until(() => done.length > 1);
    expect(done).toEqual(['a', 'b']);
    await queue.stop();
  });

  it('never works on one key twice at the same time, and puts it back when it is added meanwhile', async () => {
    let running = 0;
    let most = 0;
    let count = 0;
    let end = ignore as () => void;
    const queue = workQueue({
      workers: 4,
      onError: ignore,
      async work() {
        most = Math.max(most, ++running);
        count++;
        await new Promise<void>((resolve) => {
          end = resolve;
        });
        running--;
      },
    });
    queue.add('a');
    await until(() => count === 1);
    queue.add('a');
    queue.add('a');
    end();
    await until(() => count === 2);
    end();
    await queue.stop();
    expect([most, count]).toEqual([1, 2]);
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
    await until(() => at.length === 4);
    // A busy machine makes gaps longer and never shorter, but for what timers round off.
    const gaps = at.slice(1).map((time, index) => time - at[index]!);
    expect(gaps.map((gap, index) => gap > 10 * 2 ** index - 2)).toEqual([true, true, true]);
    queue.forget('a');
    await queue.stop();
  });

  it('keeps the earlier of two times, and begins nothing after it stopped', async () => {
    const done: string[] = [];
    const queue = workQueue({ work: async (key) => void done.push(key), onError: ignore });
    queue.addAfter('a', 10);
    queue.addAfter('a', 5000);
    await until(() => done.length > 0);
    expect(done).toEqual(['a']);
    queue.addAfter('b', 5);
    await queue.stop();
    queue.add('c');
    await pause(20);
    expect(done).toEqual(['a']);
  });

  it('waits at stop for what is being worked on, and tells it to end', async () => {
    let begun = false;
    let ended = false;
    const queue = workQueue({
      onError: ignore,
      async work(_, signal) {
        begun = true;
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        ended = true;
      },
    });
    queue.add('a');
    await until(() => begun);
    await queue.stop();
    expect(ended).toBe(true);
  });
});
