import { describe, expect, it, jest } from '@jest/globals';
import { endOf, framesAfter, LiveEvents } from './live-events.ts';

const begun = { id: 'resp_1', status: 'queued', output: [] };
const frame = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const delta = (text: string, at = 0) =>
  frame('response.output_text.delta', { item_id: 'm', output_index: at, content_index: 0, delta: text, logprobs: [] });
const eventsIn = (text: string) =>
  text.split('\n\n').flatMap((one) => (one === '' ? [] : [JSON.parse(one.slice(one.indexOf('data: ') + 6))]));

describe('the events of a response in the background', () => {
  it('[responses:background-live] are numbered from the first, whatever their provider called them', () => {
    const live = new LiveEvents(begun);
    live.add(
      frame('response.created', { sequence_number: 0 }) + frame('response.output_item.added', { sequence_number: 9 }),
    );
    live.add(': a comment\n\n');
    live.add(frame('response.completed', { sequence_number: 3 }));
    expect(eventsIn(live.text()).map(({ type, sequence_number: number }) => [number, type])).toEqual([
      [0, 'response.created'],
      [1, 'response.in_progress'],
      [2, 'response.output_item.added'],
      [3, 'response.completed'],
    ]);
    live.close();
  });

  it('[responses:background-live] have words put together until they are read, and never moved after it', () => {
    const live = new LiveEvents(begun);
    live.add(delta('Hel') + delta('lo'));
    live.add(delta(' you'));
    const read = live.text();
    live.add(delta('!') + delta('other', 1));
    const all = live.text();
    expect(all.startsWith(read)).toBe(true);
    expect(eventsIn(all).slice(2)).toMatchObject([
      { sequence_number: 2, delta: 'Hello you' },
      { sequence_number: 3, delta: '!' },
      { sequence_number: 4, delta: 'other', output_index: 1 },
    ]);
    live.close();
  });

  it('[responses:background-live] are bounded: behind the bound the end alone is told', () => {
    const live = new LiveEvents(begun);
    for (let n = 0; n < 40; n++) live.add(frame('response.output_item.done', { item: 'x'.repeat(100_000) }));
    live.add(frame('response.output_item.done', { item: 'small' }));
    const text = live.text();
    expect(text.length).toBeLessThan(1024 * 1024);
    expect(text).not.toContain('small');
    const { last, ends } = framesAfter(text, -1);
    expect(ends).toBe(false);
    expect(endOf({ status: 'completed' }, last)).toContain(`"sequence_number":${last + 1}`);
    live.close();
    // What one held is free for others.
    const others = Array.from({ length: 30 }, () => new LiveEvents(begun));
    for (const one of others) {
      for (let n = 0; n < 10; n++) one.add(frame('response.output_item.done', { item: 'x'.repeat(100_000) }));
      expect(one.text().length).toBeGreaterThan(900_000);
    }
    for (const one of others) one.close();
  });

  it('[responses:background-live] are told from behind any of them', async () => {
    const live = new LiveEvents(begun);
    let woken = false;
    const waiting = live.changed().then(() => {
      woken = true;
    });
    live.add(delta('a') + frame('response.completed'));
    await waiting;
    expect(woken).toBe(true);
    const { frames, last, ends } = framesAfter(live.text(), 1);
    expect([eventsIn(frames).map((one) => one.sequence_number), last, ends]).toEqual([[2, 3], 3, true]);
    expect(framesAfter(live.text(), 3)).toEqual({ frames: '', last: 3, ends: true });
    live.close();
    live.add(delta('late'));
    expect(live.text()).not.toContain('late');
  });

  it('[responses:background-live] are not read anew, one by one, for each who asks what is new', () => {
    const live = new LiveEvents(begun);
    for (let n = 0; n < 1_000; n++) live.add(frame('response.output_item.done', { output_index: n }));
    const text = live.text();
    const parsed = jest.spyOn(JSON, 'parse');
    for (const { frames, last } of [live.after(1_000), framesAfter(text, 1_000)]) {
      expect([frames.includes('"sequence_number":1001'), last]).toEqual([true, 1_001]);
      expect(frames).not.toContain('"sequence_number":1000,');
    }
    expect(parsed.mock.calls.length).toBeLessThan(10);
    parsed.mockRestore();
    expect(framesAfter(text, -7).last).toBe(1_001);
    live.close();
  });

  it('[responses:background-live] have no type that would be frames of its own', () => {
    const live = new LiveEvents(begun);
    live.add(`data: ${JSON.stringify({ type: 'a\n\ndata: {}' })}\n\n`);
    expect(live.text().match(/\n\n/g)).toHaveLength(2);
    live.close();
  });
});
