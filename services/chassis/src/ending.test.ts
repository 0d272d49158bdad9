import { describe, expect, it } from '@jest/globals';
import { Ending } from './ending.ts';

describe('an ending', () => {
  it('tells each listener once, with the reason at hand, and nobody who left or came too late', () => {
    const ending = new Ending();
    const told: string[] = [];
    const gone = () => told.push('gone');
    const object = { handleEvent: () => void told.push(`object ${String(ending.reason)}`) };
    ending.addEventListener('abort', gone);
    ending.addEventListener('abort', object);
    ending.addEventListener('abort', object);
    ending.removeEventListener('abort', gone);
    ending.removeEventListener('abort', gone);
    expect(ending.aborted).toBe(false);
    ending.abort('first');
    ending.abort('second');
    ending.addEventListener('abort', () => told.push('late'));
    expect(told).toEqual(['object first']);
    expect([ending.aborted, ending.reason]).toEqual([true, 'first']);
  });
});
