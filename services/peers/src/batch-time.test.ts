import { describe, expect, it } from '@jest/globals';
import { gatherMs } from './batch-time.ts';

describe('the time of a batch', () => {
  it('is short where little comes, and longer where many share it', () => {
    expect([gatherMs(0), gatherMs(3)]).toEqual([50, 50]);
    expect([gatherMs(16), gatherMs(1_000)]).toEqual([250, 250]);
  });
});
