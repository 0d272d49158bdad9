import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import type { KeptResponse } from '../responses/kept.ts';
import { LiveEvents } from '../responses/live-events.ts';
import { keepEvents } from './keep-events.ts';

const log = createLogger({ service: 'test', level: 'error' });
const owner = { tenant: 'acme', principalId: 'p', user: '' };
const running = { response: { status: 'in_progress' } } as unknown as KeptResponse;
const said = (n: number) => `data: ${JSON.stringify({ type: 'response.output_item.done', output_index: n })}\n\n`;
const pause = (ms: number) => jest.advanceTimersByTimeAsync(ms);
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Keeps what is said for a while; gives how often it was kept, and how often it was asked for changes. */
async function kept(bytes: number, ms: number) {
  const live = new LiveEvents({ id: 'resp_1', status: 'queued', output: [] });
  const seen = { kept: 0, asked: 0 };
  const changed = live.changed.bind(live);
  live.changed = () => {
    seen.asked++;
    return changed();
  };
  const alter = async (_owner: unknown, _id: string, put: (one: KeptResponse) => KeptResponse | undefined) => {
    seen.kept++;
    return put(running);
  };
  let over = false;
  void keepEvents({ alter }, owner, 'resp_1', live, bytes, { log }).then(() => {
    over = true;
  });
  for (const until = Date.now() + ms; Date.now() < until; await pause(10)) live.add(said(Date.now()));
  live.close();
  await pause(199);
  expect(over).toBe(true);
  return seen;
}

describe('what was told of a response in the background', () => {
  it('[responses:background-live] is kept in steps, with no work for each that was kept before', async () => {
    const seen = await kept(0, 900);
    expect(seen.kept).toBeGreaterThan(1);
    expect(seen.kept).toBeLessThan(5);
    expect(seen.asked).toBe(0);
  });

  it('[responses:background-live] is kept less often where each time a long request is written with it', async () => {
    expect((await kept(20_000_000, 900)).kept).toBe(0);
  });
});
