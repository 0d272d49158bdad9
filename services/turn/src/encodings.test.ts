import { describe, expect, it } from '@jest/globals';
import { decodings } from './encodings.ts';

const SEED = 20_261_121;

/** Numbers below a bound, the same at each run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What the platform's own decoder says of bytes; undefined where they are no text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return /[\p{Cc}]/u.test(text.replace(/[\t\r\n]/g, '')) || text.trim().length < 4 ? undefined : text;
  } catch {
    return undefined;
  }
}

describe('encodings in which a value may be hidden', () => {
  it('finds in base64 exactly what decodes to text, whatever the bytes are', () => {
    const draw = numbers(SEED);
    const ranges = [0x20, 0x60, 0x80, 0x100, 0x700, 0x200, 0xd000, 0x800, 0xe000, 0x1fff, 0x10000, 0x100000] as const;
    const seen = { text: 0, other: 0 };
    for (let round = 0; round < 8_000; round++) {
      let bytes = Buffer.from(Array.from({ length: 6 + draw(12) }, () => draw(256)));
      if (round % 3 !== 0) {
        const at = () => draw(ranges.length / 2) * 2;
        const letter = (from: number) => (ranges[from] as number) + draw(ranges[from + 1] as number);
        bytes = Buffer.from(Array.from({ length: 4 + draw(8) }, () => String.fromCodePoint(letter(at()))).join(''));
        // One byte altered, or the last one lost: overlong forms, surrogates and cut characters.
        if (round % 3 === 2) bytes[draw(bytes.length)] = draw(256);
        if (draw(8) === 0) bytes = bytes.subarray(0, -1);
      }
      const wanted = textOf(bytes);
      const written = bytes.toString(round % 2 === 0 ? 'base64' : 'base64url');
      const found = decodings(`read ${written} now`);
      expect({ written, found: found[0] }).toEqual({ written, found: wanted });
      seen[wanted === undefined ? 'other' : 'text']++;
    }
    expect(Math.min(seen.text, seen.other)).toBeGreaterThan(1_000);
  });

  it('reads long words of plain prose as nothing else', () => {
    expect(decodings('On Thursday everybody concerned meets in Luxembourg regarding transportation')).toEqual([]);
  });
});
