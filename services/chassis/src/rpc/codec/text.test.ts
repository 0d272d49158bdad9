import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { textAt, WORD_BYTES, wordAt } from './text.ts';

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of bytes that lie between others. */
function read(encoded: Uint8Array): string {
  const around = Buffer.concat([Buffer.from('before'), encoded, Buffer.from('after')]);
  const end = 6 + encoded.length;
  const long = textAt(around, 6, end);
  if (encoded.length === 0 || encoded.length > WORD_BYTES) return long;
  const view = new DataView(around.buffer);
  const words = [1, 2].map(() => wordAt(around, 6, end, view, around.byteOffset + 6));
  return words.every((word) => word === long) ? long : `not the same: ${words}`;
}

/** What is read, or undefined where it is refused. */
function tried(how: (bytes: Uint8Array) => string, bytes: Uint8Array): string | undefined {
  try {
    return how(bytes);
  } catch {
    return undefined;
  }
}

describe('text', () => {
  it('is what was written, also where words differ in one byte or in length [rpc:codec]', () => {
    const letters = fc.constantFrom('a', 'b', '\0');
    const text = fc.oneof(
      fc.array(letters, { maxLength: 20 }).map((all) => all.join('')),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom('\ufffd', 'a\ufffdb', '\ufeffa', 'é', '\ufffd'.repeat(10)),
    );
    fc.assert(
      fc.property(text, (value) => read(Buffer.from(value)) === value),
      { numRuns: 3_000 },
    );
  });

  it('is what was written, where more words differ in a few bytes than there are places to keep them [rpc:codec]', () => {
    for (let length = 1; length <= WORD_BYTES; length++) {
      const word = Buffer.alloc(length, 'a');
      for (let at = 0; at < length; at++) {
        for (let count = 0; count < 1_300; count++) {
          word[at] = 48 + (count % 64);
          if (at > 0) word[at - 1] = 48 + Math.floor(count / 64);
          if (read(word) !== word.toString('latin1')) throw new Error(`${word} was read as another word`);
        }
        word.fill('a');
      }
    }
  });

  it('is refused where it is no UTF-8, however short [rpc:codec-hostile]', () => {
    const bytes = fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.constantFrom(0x80, 0xc0, 0xed, 0xff, 0xf4), fc.nat(20));
    fc.assert(
      fc.property(bytes, ([some, byte, place]) => {
        const broken = Buffer.concat([some.subarray(0, place), Buffer.of(byte), some.subarray(place)]);
        return tried(read, broken) === tried((some) => STRICT.decode(some), broken);
      }),
      { numRuns: 3_000 },
    );
    // A surrogate alone, an overlong slash, what is beyond Unicode.
    for (const broken of ['eda080', 'c0af', 'f4908080']) {
      expect(() => read(Buffer.from(broken, 'hex'))).toThrow();
      expect(() => read(Buffer.from(`${'61'.repeat(20)}${broken}`, 'hex'))).toThrow();
    }
  });
});
