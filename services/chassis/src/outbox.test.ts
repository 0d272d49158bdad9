import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from './log.ts';
import { type Outbox, outbox } from './outbox.ts';

const opened: Outbox[] = [];
beforeEach(() => void jest.useFakeTimers());
afterEach(async () => {
  for (const one of opened.splice(0)) await Promise.all([one.stop(), pause(10)]);
  jest.useRealTimers();
});

function boxOf(options: { retryMs?: number } = {}) {
  const state = { lying: 0, away: false, asked: 0 };
  const lines: string[] = [];
  const box = outbox({
    name: 'test',
    batch: 2,
    retryMs: 0,
    waiting: 'things wait',
    ...options,
    log: createLogger({ service: 'test', write: (line) => lines.push(line) }),
    async sendSome() {
      state.asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (state.away) throw new Error('away');
      const sent = Math.min(2, state.lying);
      state.lying -= sent;
      return sent;
    },
  });
  opened.push(box);
  return { box, state, lines };
}

const pause = (ms: number) => jest.advanceTimersByTimeAsync(ms);

describe('an outbox', () => {
  it('asks for nothing until it is told that something lies there, then sends all of it, once for all who tell', async () => {
    const { box, state } = boxOf();
    state.lying = 5;
    await pause(20);
    expect(state.asked).toBe(0);
    box.soon();
    box.soon();
    await pause(50);
    expect([state.lying, state.asked]).toEqual([0, 3]);
  });

  it('says once that what lies there waits, leaves who is away alone for a while, and sends it afterwards', async () => {
    const { box, state, lines } = boxOf({ retryMs: 100 });
    state.lying = 1;
    state.away = true;
    const telling = setInterval(() => box.soon(), 5);
    try {
      await pause(60);
      expect(state.asked).toBe(1);
      await pause(100);
      expect(state.asked).toBe(2);
      expect(lines).toHaveLength(1);
      state.away = false;
      await pause(150);
      expect(state.lying).toBe(0);
    } finally {
      clearInterval(telling);
    }
  });

  it('begins nothing once it has stopped', async () => {
    const { box, state } = boxOf();
    state.lying = 5;
    box.soon();
    await Promise.all([box.stop(), pause(10)]);
    box.soon();
    expect(state).toMatchObject({ lying: 3, asked: 1 });
  });
});
