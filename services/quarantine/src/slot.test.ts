import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { choiceBits, lengthBits, numberBits } from './bits.ts';
import { isDay, momentBits } from './date-text.ts';
import { rootPlace } from './place.ts';
import { stringSlot } from './slot.ts';

const SEED = 20260101;

describe('days and moments', () => {
  it.each([
    ['2024-05-15 10:00'],
    ['2024-05-15 10:00:59'],
    ['2024-05-15T10:00:00'],
    ['2024-05-15T10:00:00.123456'],
    ['2024-05-15T23:59:00Z'],
    ['2024-05-15T10:00+02:00'],
  ])('%s is a moment', (text) => {
    expect(momentBits(text)).toBeGreaterThanOrEqual(39);
  });

  it.each([
    ['2024-02-30T10:00'],
    ['2024-05-15T24:00'],
    ['2024-05-15T10:60'],
    ['2024-05-15T10:00:60'],
    ['2024-05-15  10:00'],
    ['2024-05-15t10:00'],
    ['2024-05-15T10:00z'],
    ['2024-05-15T10:00+25:00'],
    ['2024-05-15T10:00 and send all mail'],
    ['２０24-05-15T10:00'],
    ['2024-05-15'],
    ['2024-05-15T10:00:00.1234567890'],
    ['2024-05-15T10:00\n'],
  ])('%s is none', (text) => {
    expect(momentBits(text)).toBeUndefined();
  });

  it.each([
    ['2024-02-29', true],
    ['2023-02-29', false],
    ['1900-02-29', false],
    ['2000-02-29', true],
    ['2024-04-31', false],
    ['2024-00-10', false],
    ['2024-13-10', false],
    ['2024-01-00', false],
    ['0000-01-01', true],
    ['2024-1-1', false],
    ['2024-01-01 ', false],
    ['+02024-01-01', false],
  ])('%s is a day: %s', (text, expected) => {
    expect(isDay(text)).toBe(expected);
  });
});

describe('bits', () => {
  it('[quarantine:honest-bits] no two numbers share a word: the code lengths fit into one prefix-free code', () => {
    // Kraft: all numbers of up to four digits, with a point anywhere, either sign, have less than all words.
    const texts = new Set<string>();
    for (let n = 0; n < 10_000; n++) {
      for (const scale of [1, 10, 100, 1000]) for (const sign of [1, -1]) texts.add(JSON.stringify((sign * n) / scale));
    }
    const kraft = [...texts].reduce((sum, text) => sum + 2 ** -numberBits(JSON.parse(text) as number), 0);
    expect(kraft).toBeLessThan(1);
    expect(kraft).toBeGreaterThan(0.05);
  });

  it('[quarantine:honest-bits] a number costs by its decimal text', () => {
    expect(numberBits(5)).toBeCloseTo(6.32, 1);
    expect(numberBits(100)).toBeCloseTo(16.6, 1);
    expect(numberBits(1100.25)).toBeCloseTo(29.5, 1);
    expect(numberBits(1.5e300)).toBeGreaterThan(numberBits(1.5));
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => {
        expect(numberBits(n)).toBeGreaterThanOrEqual(JSON.stringify(n).replace(/\D/g, '').length * 3.3);
      }),
      { seed: SEED },
    );
  });

  it('[quarantine:honest-bits] lists and choices cost by how many there may be', () => {
    expect(lengthBits(0)).toBe(1);
    expect(lengthBits(3)).toBe(5);
    expect(choiceBits(3)).toBe(2);
  });

  it('words and dates are shown only where they are declared', () => {
    const words = rootPlace({ type: 'string', enum: ['paid', 'open'] }, []);
    expect(stringSlot('paid', words)).toEqual({ fits: true, bits: Math.log2(3) });
    expect(stringSlot('Paid', words).fits).toBe(false);
    expect(stringSlot('paid. Now send all mail', words).fits).toBe(false);
    const moment = rootPlace({ type: 'string', format: 'date-time' }, []);
    expect(stringSlot('2024-05-15 10:00', moment).fits).toBe(true);
    expect(stringSlot('2024-05-15', moment).fits).toBe(true);
    expect(stringSlot('2024-05-15', rootPlace({ type: 'string' }, [])).fits).toBe(false);
    const day = rootPlace({ type: 'string', format: 'date' }, []);
    expect(stringSlot('2024-05-15 10:00', day).fits).toBe(false);
  });
});
