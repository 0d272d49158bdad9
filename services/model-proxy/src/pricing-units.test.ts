import { describe, expect, it } from '@jest/globals';
import type { Usage } from './chat/usage.ts';
import { costOf, listPrice, overridePrice } from './pricing.ts';
import type { UnitPrices } from './pricing-units.ts';

const usage = (part: Partial<Usage>): Usage => ({
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
  ...part,
});
const at = new Date('2026-06-01T12:00:00Z');
const own = (units: UnitPrices, inputPerMillionTokens = '0', outputPerMillionTokens = '0') => ({
  price: overridePrice({ inputPerMillionTokens, outputPerMillionTokens, ...units }),
});

describe('the cost of what is counted beside tokens', () => {
  it.each<[string, UnitPrices, Partial<Usage>, number]>([
    ['images', { perImage: '0.04' }, { images: 3 }, 120_000_000],
    ['characters', { perMillionCharacters: '15' }, { characters: 1001 }, 15_015_000],
    ['seconds of sound', { perHourOfAudio: '0.04' }, { seconds: 90.5 }, 1_005_556],
    ['searches', { perThousandSearches: '2' }, { searches: 3 }, 6_000_000],
    ['nothing at all', { perImage: '0.04' }, { images: 0 }, 0],
  ])('[operations:priced] is exact for %s', (_what, units, used, nanoUsd) => {
    expect(costOf(usage(used), own(units))).toEqual({ nanoUsd });
  });

  it('adds to that of tokens', () => {
    expect(costOf(usage({ input: 10, images: 1 }), own({ perImage: '0.000001' }, '1'))).toEqual({ nanoUsd: 11_000 });
  });

  it('[operations:price-unknown] is unknown where neither the unit nor tokens have a price, and says so', () => {
    expect(costOf(usage({ images: 1 }), own({}))).toEqual({ nanoUsd: null, reason: 'no price of images is known' });
    expect(costOf(usage({ seconds: 1 }), own({ perImage: '1' }))).toMatchObject({ nanoUsd: null });
    expect(costOf(usage({ input: 5 }), own({ perImage: '1' }))).toMatchObject({ nanoUsd: null });
    expect(costOf(usage({ input: 5, images: 1 }), own({}, '1'))).toEqual({ nanoUsd: 5_000 });
    expect(costOf(usage({ images: -1 }), own({ perImage: '1' }))).toMatchObject({ nanoUsd: null });
  });

  it.each([
    ['whisper-1', { seconds: 60 }, 6_000_000],
    ['gpt-image-1', { input: 100, inputImage: 40, output: 1000 }, 60 * 5_000 + 40 * 10_000 + 1000 * 40_000],
    ['text-embedding-3-small', { input: 1000 }, 20_000],
    ['omni-moderation-latest', { input: 1000 }, 0],
    ['gpt-4o-transcribe', { input: 100, inputAudio: 80, output: 10 }, 20 * 2_500 + 80 * 6_000 + 10 * 10_000],
  ])('[operations:priced] of %s is that of the price list', (model, used, nanoUsd) => {
    expect(costOf(usage(used), listPrice({ provider: 'openai', model, at }))).toEqual({ nanoUsd });
  });

  it('is unknown for a model that is paid by the hour and whose hours are not told', () => {
    expect(costOf(usage({ input: 9 }), listPrice({ provider: 'openai', model: 'whisper-1', at }))).toMatchObject({
      nanoUsd: null,
    });
  });
});
