import { describe, expect, it } from '@jest/globals';
import { costOf } from './money.ts';

describe('costOf', () => {
  it.each([
    [0, '0'],
    [1, '0.000000001'],
    [12_750, '0.00001275'],
    [1_000_000_000, '1'],
    [1_500_000_000, '1.5'],
    [Number.MAX_SAFE_INTEGER, '9007199.254740991'],
  ])('shows %d nano-USD as %s', (nano, usd) => {
    expect(costOf(nano)).toEqual({ costUsd: usd, costNanoUsd: nano });
  });

  it.each([-1, Number.NaN])('shows %d as unknown', (nano) => {
    expect(costOf(nano)).toEqual({ costUsd: null, costNanoUsd: null });
  });
});
