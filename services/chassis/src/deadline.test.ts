import { describe, expect, it } from '@jest/globals';
import { remainingMs, shave, sleep, within, withTimeout } from './deadline.ts';
import { timeOfUuidv7, uuidv7 } from './uuid.ts';

describe('deadlines', () => {
  it('never has less than no time left', () => {
    expect(remainingMs(Date.now() - 5)).toBe(0);
    expect(remainingMs(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(shave(100, 20)).toBe(80);
  });

  it('fires after the time, with a code', async () => {
    const signal = withTimeout(undefined, 10);
    await sleep(40);
    expect(signal.reason).toMatchObject({ code: 'deadline_exceeded' });
  });

  it('fires with its parent and its reason, also when the parent had fired before', () => {
    const parent = new AbortController();
    const child = withTimeout(parent.signal, 60_000);
    parent.abort('why');
    expect(child.reason).toBe('why');
    expect(withTimeout(parent.signal, 60_000).reason).toBe('why');
  });

  it('wakes a sleeper who is called off', async () => {
    const stop = new AbortController();
    const sleeping = sleep(60_000, stop.signal);
    stop.abort();
    await expect(sleeping).rejects.toMatchObject({ code: 'cancelled' });
    await expect(sleep(1, stop.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('gives up on a promise that takes too long', async () => {
    await expect(within(new Promise(() => undefined), 10, 'waiting')).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    await expect(within(Promise.resolve(1), 10, 'waiting')).resolves.toBe(1);
  });
});

describe('uuidv7', () => {
  it('is well formed, unique, ascending and knows its time', () => {
    const before = Date.now();
    const ids = Array.from({ length: 20_000 }, uuidv7);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(ids.filter((id) => !form.test(id))).toEqual([]);
    expect(timeOfUuidv7(ids[0] as string)).toBeGreaterThanOrEqual(before);
    expect(timeOfUuidv7(ids[0] as string)).toBeLessThanOrEqual(Date.now() + 1);
    expect(timeOfUuidv7('not a uuid')).toBeNaN();
  });
});
