import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import type { ApprovalState } from './approval.ts';
import { type ApprovalKey, keyText } from './store.ts';
import { createWaiting } from './waiting.ts';

const KEY = (id: string): ApprovalKey => ({ tenant: 'default', id });
const log = createLogger({ service: 'test', level: 'error' });

describe('waiting for people', () => {
  it('[approval:await] who begins to wait while others are looked up is not told that there is no such approval', async () => {
    const held = new Map<string, ApprovalState>([
      ['a', 'pending'],
      ['b', 'pending'],
    ]);
    const looks: (() => void)[] = [];
    const waiting = createWaiting(
      {
        states: async (keys) => {
          await new Promise<void>((resolve) => looks.push(resolve));
          return new Map(
            keys.map((key) => [keyText(key), { state: held.get(key.id) as ApprovalState, expiresAtMs: Infinity }]),
          );
        },
      },
      log,
    );
    const signal = new AbortController().signal;
    const first = waiting.wait([KEY('a')], Date.now() + 5_000, signal);
    const second = waiting.wait([KEY('b')], Date.now() + 5_000, signal);
    let answered: unknown = 'nothing yet';
    void second.then((states) => {
      answered = states;
    });
    looks.shift()?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(answered).toBe('nothing yet');
    held.set('a', 'approved').set('b', 'rejected');
    while (looks.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    looks.shift()?.();
    expect([await first, await second]).toEqual([['approved'], ['rejected']]);
    await waiting.stop?.(0);
  });
});
