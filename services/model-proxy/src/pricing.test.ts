import { describe, expect, it } from '@jest/globals';
import { calcPrice } from '@pydantic/genai-prices';
import fc from 'fast-check';
import type { Usage } from './chat/usage.ts';
import { costOf, formatUsd, listPrice, overridePrice, perMillion, priceOf } from './pricing.ts';

const usage = (part: Partial<Usage>): Usage => ({
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
  ...part,
});
const at = new Date('2026-06-01T12:00:00Z');

describe('the cost of a call', () => {
  it('[model:cost-exact] is exact for an override, cached tokens apart', () => {
    const price = overridePrice({
      inputPerMillionTokens: '0.1',
      outputPerMillionTokens: '0.2',
      cacheReadPerMillionTokens: '0.025',
      cacheWritePerMillionTokens: '0.125',
    });
    const used = usage({ input: 1003, output: 7, cacheRead: 1000, cacheWrite: 2 });
    // 1 × 100 + 1000 × 25 + 2 × 125 + 7 × 200 nano-USD
    expect(costOf(used, { price })).toEqual({ nanoUsd: 26_750 });
  });

  it('[providers:dated-prices] is that of its time: the latest dated price, else the plain one, else the list', () => {
    const price = (usd: string) => ({ inputPerMillionTokens: usd, outputPerMillionTokens: '0' });
    const call = {
      provider: 'openai',
      model: 'gpt-4o-mini',
      override: price('1'),
      dated: [
        { effectiveFrom: '2026-06-01T00:00:00Z', price: price('2') },
        { effectiveFrom: '2026-07-01T00:00:00Z', price: price('3') },
      ],
    };
    const costAt = (time: string, of: object = call) =>
      priceOf(of as typeof call, usage({ input: 1000 }), Date.parse(time)).nanoUsd;
    expect(costAt('2026-05-31T23:59:59Z')).toBe(1_000_000);
    expect(costAt('2026-06-01T00:00:00Z')).toBe(2_000_000);
    expect(costAt('2027-01-01T00:00:00Z')).toBe(3_000_000);
    expect(costAt('2026-05-01T00:00:00Z', { ...call, override: undefined })).toBe(150_000);
  });

  it('rounds a half up, once for the whole call', () => {
    const price = overridePrice({ inputPerMillionTokens: '0.0005', outputPerMillionTokens: '0' });
    expect(costOf(usage({ input: 1 }), { price })).toEqual({ nanoUsd: 1 });
    expect(costOf(usage({ input: 3 }), { price })).toEqual({ nanoUsd: 2 });
    expect(costOf(usage({ input: 4 }), { price })).toEqual({ nanoUsd: 2 });
  });

  it('charges cached tokens as input where no price for them is given', () => {
    const price = overridePrice({ inputPerMillionTokens: '1', outputPerMillionTokens: '0' });
    expect(costOf(usage({ input: 10, cacheRead: 5, cacheWrite: 5 }), { price })).toEqual({ nanoUsd: 10_000 });
  });

  it.each(['', '1e3', '-1', '.5', '1.0000000001', ' 1', 'Infinity', '0x1'])('refuses the price %j', (text) => {
    expect(() => perMillion(text)).toThrow(RangeError);
  });

  it.each([
    [
      'anthropic',
      'claude-sonnet-4-5',
      usage({ input: 1000, output: 100, cacheRead: 200, cacheWrite: 300, cacheWrite1h: 100 }),
    ],
    ['anthropic', 'claude-sonnet-4-5', usage({ input: 300_000, output: 100, cacheRead: 10 })],
    ['openai', 'gpt-4o-2024-08-06', usage({ input: 1000, output: 100, cacheRead: 200 })],
    ['openai', 'gpt-5.2', usage({ input: 1, output: 1 })],
    ['google', 'gemini-2.5-pro', usage({ input: 300_000, output: 3 })],
  ])('[model:cost-list] of %s %s is what the price list itself calculates', (provider, model, used) => {
    const cost = costOf(used, listPrice({ provider, model, at }));
    const listed = calcPrice(
      {
        input_tokens: used.input,
        output_tokens: used.output,
        cache_read_tokens: used.cacheRead,
        cache_write_tokens: used.cacheWrite,
        ...(used.cacheWrite1h ? { cache_write_1h_tokens: used.cacheWrite1h } : {}),
      },
      model,
      { providerId: provider, timestamp: at },
    );
    expect(cost.nanoUsd).toBe(Math.round(listed!.total_price * 1e9));
  });

  it('[model:cost-unknown] is unknown, with the reason, for an unknown model or without usage', () => {
    expect(priceOf({ provider: 'openai', model: 'my-own' }, usage({ input: 1 }))).toMatchObject({
      nanoUsd: null,
      reason: expect.stringContaining('my-own'),
    });
    expect(
      priceOf({ provider: 'openai-compatible', model: 'gpt-4o', baseURL: 'http://10.0.0.1/v1' }, usage({ input: 1 }))
        .nanoUsd,
    ).toBeNull();
    expect(priceOf({ provider: 'openai-compatible', model: 'gpt-4o' }, usage({ input: 1 })).nanoUsd).toBeNull();
    expect(priceOf({ provider: 'openai', model: 'gpt-4o' }, undefined)).toMatchObject({
      nanoUsd: null,
      reason: expect.stringContaining('usage'),
    });
    expect(priceOf({ provider: 'openai', model: 'gpt-4o' }, usage({ input: Number.NaN })).nanoUsd).toBeNull();
  });

  it('finds a compatible provider of the list by its URL', () => {
    const cost = priceOf(
      { provider: 'openai-compatible', model: 'deepseek-chat', baseURL: 'https://api.deepseek.com/v1' },
      usage({ input: 1000 }),
    );
    expect(cost.nanoUsd).toBeGreaterThan(0);
  });

  it('never is negative or fractional, whatever a provider claims', () => {
    const count = fc.nat({ max: 1e9 });
    const price = overridePrice({
      inputPerMillionTokens: '3',
      outputPerMillionTokens: '15',
      cacheReadPerMillionTokens: '0.3',
    });
    fc.assert(
      fc.property(count, count, count, count, (input, output, cacheRead, cacheWrite) => {
        const { nanoUsd } = costOf(usage({ input, output, cacheRead, cacheWrite, inputAudio: cacheRead }), { price });
        expect(Number.isSafeInteger(nanoUsd) && nanoUsd! >= 0).toBe(true);
      }),
    );
  });
});

it.each([
  [0, '0'],
  [1, '0.000000001'],
  [1_500_000, '0.0015'],
  [2_000_000_000, '2'],
  [-5, '-0.000000005'],
])('formats %i nano-USD as %s', (nano, text) => {
  expect(formatUsd(nano)).toBe(text);
});
