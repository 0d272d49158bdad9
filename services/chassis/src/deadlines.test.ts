import { describe, expect, it } from '@jest/globals';
import { sleep } from './deadline.ts';
import { LATEST_MS, type Timed, unwatch, watch } from './deadlines.ts';
import { ABSENT } from './roster.ts';

function timed(ms: number): Timed & { dueAt: number; told: number } {
  return {
    place: ABSENT,
    dueAt: performance.now() + ms,
    told: 0,
    late() {
      this.told++;
    },
  };
}

describe('a deadline', () => {
  it('is told once, after its time, and not once it is unwatched or moved', async () => {
    const [soon, left, moved] = [timed(10), timed(10), timed(10)];
    for (const one of [soon, left, moved]) watch(one);
    unwatch(left);
    unwatch(left);
    moved.dueAt = Number.POSITIVE_INFINITY;
    await sleep(3 * LATEST_MS);
    expect([soon.told, left.told, moved.told]).toEqual([1, 0, 0]);
    moved.dueAt = 0;
    await sleep(3 * LATEST_MS);
    expect([soon.told, left.told, moved.told]).toEqual([1, 0, 1]);
    // The timer has stopped meanwhile and starts again.
    await sleep(3 * LATEST_MS);
    const again = timed(1);
    watch(again);
    await sleep(3 * LATEST_MS);
    expect(again.told).toBe(1);
  });
});
