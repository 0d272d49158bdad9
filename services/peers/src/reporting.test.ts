import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { reporting, reportLoop } from './reporting.ts';

const log = createLogger({ service: 'test', level: 'error', write: () => undefined });
const pause = (ms: number) => jest.advanceTimersByTimeAsync(ms);
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('what a service tells the operator', () => {
  it('[peers:reporting] is told at intervals and soon after changes, which do not put it off', async () => {
    const at: number[] = [];
    const began = performance.now();
    const loop = reportLoop({ name: 'test', intervalMs: 250, log, send: async () => void at.push(performance.now()) });
    for (let i = 0; i < 30; i++) {
      loop.soon();
      await pause(10);
    }
    expect(at.length).toBeGreaterThanOrEqual(2);
    expect((at[0] ?? 0) - began).toBeLessThan(250);
    const before = at.length;
    await pause(500);
    expect(at.length).toBeGreaterThan(before);
    await loop.stop();
    const stopped = at.length;
    loop.soon();
    await pause(200);
    expect(at.length).toBe(stopped);
  });

  it('[peers:reporting] goes on after a fault, and says nothing where there is nothing', async () => {
    let asked = 0;
    const reported: unknown[] = [];
    const loop = reporting({
      name: 'test',
      client: {
        async report(request) {
          reported.push(request);
          throw new Error('away');
        },
      },
      observations() {
        asked++;
        if (asked === 1) throw new Error('broken');
        return asked === 2 ? [] : [{ kind: 'ToolServer' }];
      },
      reporter: 'test/0',
      intervalMs: 20,
      log,
    });
    loop.soon();
    await pause(400);
    await loop.stop();
    expect(asked).toBeGreaterThan(3);
    expect(reported.length).toBeGreaterThan(1);
    expect(reported[0]).toEqual({ reporter: 'test/0', observations: [{ kind: 'ToolServer' }] });
  });
});
