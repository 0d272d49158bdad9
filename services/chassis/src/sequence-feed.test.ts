import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from './log.ts';
import { type Sequenced, sequenceFeed } from './sequence-feed.ts';

const log = createLogger({ service: 'test', write: () => undefined });

function feedOf(options: { maxWaiting?: number; everyMs?: number } = {}) {
  const notices: Sequenced[] = [];
  const state = { failing: false, head: 0, looks: 0, held: undefined as Promise<void> | undefined };
  const feed = sequenceFeed<Sequenced>({
    name: 'test',
    log,
    everyMs: 20,
    ...options,
    read: async (sequence, limit) => {
      state.looks += 1;
      await state.held;
      if (state.failing) throw new Error('away');
      return { head: state.head, notices: notices.filter((one) => one.sequence > sequence).slice(0, limit) };
    },
  });
  const add = () => notices.push({ sequence: ++state.head });
  return { feed, state, add };
}

// No machine is too slow for these times.
const pause = (ms: number) => jest.advanceTimersByTimeAsync(ms);
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('a sequence feed', () => {
  it('tells notices from now on, in order, to every watcher, and the head in heartbeats', async () => {
    const { feed, add } = feedOf();
    add();
    await feed.start?.();
    const stop = new AbortController();
    const watchers = [feed.watch(stop.signal), feed.watch(stop.signal)];
    for (const watcher of watchers) expect((await watcher.next()).value).toEqual({ notice: undefined, sequence: 1 });
    add();
    add();
    feed.poke();
    for (const watcher of watchers) {
      const seen: unknown[] = [];
      while (seen.length < 2) {
        const { value } = await watcher.next();
        if (value?.notice !== undefined) seen.push(value.sequence);
      }
      expect(seen).toEqual([2, 3]);
    }
    stop.abort();
    for (const watcher of watchers) expect((await watcher.next()).done).toBe(true);
    await feed.stop?.(0);
  });

  it('sends no heartbeat while the store cannot be read, since it could not know what was missed', async () => {
    const { feed, state } = feedOf();
    await feed.start?.();
    const stop = new AbortController();
    const watcher = feed.watch(stop.signal);
    await watcher.next();
    state.failing = true;
    let beats = 0;
    const counting = (async () => {
      for await (const _beat of watcher) beats += 1;
    })();
    await pause(200);
    const before = beats;
    await pause(200);
    expect(beats).toBe(before);
    state.failing = false;
    await pause(200);
    expect(beats).toBeGreaterThan(before);
    stop.abort();
    await counting;
    await feed.stop?.(0);
  });

  it('looks and beats once in each interval, however many watch', async () => {
    const { feed, state } = feedOf({ everyMs: 50 });
    await feed.start?.();
    const stop = new AbortController();
    const beats = [0, 0, 0];
    const counting = beats.map(async (_none, which) => {
      for await (const _beat of feed.watch(stop.signal)) beats[which] = (beats[which] ?? 0) + 1;
    });
    await pause(525);
    stop.abort();
    await Promise.all(counting);
    await feed.stop?.(0);
    for (const count of [...beats, state.looks]) {
      expect(count).toBeGreaterThanOrEqual(7);
      expect(count).toBeLessThanOrEqual(12);
    }
  });

  it('goes on with heartbeats for two intervals while a look does not come back, and looks again for who wrote meanwhile', async () => {
    const { feed, state, add } = feedOf({ everyMs: 100 });
    await feed.start?.();
    const stop = new AbortController();
    let beats = 0;
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { notice, sequence } of feed.watch(stop.signal)) {
        if (notice === undefined) beats += 1;
        else seen.push(sequence);
      }
    })();
    await pause(10);
    const hung = Promise.withResolvers<void>();
    state.held = hung.promise;
    const before = beats;
    await pause(600);
    expect(beats - before).toBeGreaterThanOrEqual(1);
    expect(beats - before).toBeLessThanOrEqual(2);
    const { looks } = state;
    feed.poke();
    hung.resolve();
    add();
    await pause(10);
    expect(seen).toEqual([1]);
    expect(state.looks).toBeGreaterThan(looks);
    stop.abort();
    await watching;
    await feed.stop?.(0);
  });

  it('[chassis:clock] sends no heartbeat for longer because a clock was set back', async () => {
    const { feed, state } = feedOf();
    await feed.start?.();
    const stop = new AbortController();
    const watcher = feed.watch(stop.signal);
    await watcher.next();
    state.failing = true;
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000);
    let beats = 0;
    const counting = (async () => {
      for await (const _beat of watcher) beats += 1;
    })();
    await pause(200);
    const before = beats;
    await pause(150);
    now.mockRestore();
    expect(beats).toBe(before);
    stop.abort();
    await counting;
    await feed.stop?.(0);
  });

  it('cuts off a watcher that falls behind, and all when the sequence goes back', async () => {
    const { feed, state, add } = feedOf({ maxWaiting: 1 });
    await feed.start?.();
    const stop = new AbortController();
    const slow = feed.watch(stop.signal);
    await slow.next();
    add();
    add();
    await pause(80);
    await expect(slow.next()).rejects.toMatchObject({ code: 'unavailable' });
    const other = feed.watch(stop.signal);
    expect((await other.next()).value).toEqual({ notice: undefined, sequence: 2 });
    state.head = 0;
    await pause(80);
    await expect(other.next()).rejects.toMatchObject({ code: 'unavailable' });
    await feed.stop?.(0);
  });

  it('tells first what was told since a sequence, each once, and says where that is no longer kept', async () => {
    const { feed, add, state } = feedOf();
    for (let n = 0; n < 2_500; n++) add();
    await feed.start?.();
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const { notice } of feed.watch(stop.signal, 3)) {
      if (notice === undefined) continue;
      seen.push(notice.sequence);
      if (seen.length === 1_000) {
        add();
        feed.poke();
      }
      if (notice.sequence === 2_501) stop.abort();
    }
    expect(seen).toEqual(Array.from({ length: 2_498 }, (_, index) => index + 4));
    state.head += 5;
    const gone = { code: 'not_found', details: { head: 2_506 } };
    await expect(feed.watch(new AbortController().signal, 2_501).next()).rejects.toMatchObject(gone);
    await expect(feed.watch(new AbortController().signal, 9_999).next()).rejects.toMatchObject(gone);
    await feed.stop?.(0);
  });
});
