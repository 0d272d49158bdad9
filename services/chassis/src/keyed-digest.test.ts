import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyedDigest } from './keyed-digest.ts';

describe('a keyed digest', () => {
  it('is HMAC-SHA-256, whatever the lengths of key and text', () => {
    const keys = ['', 'k', 'ключ', randomBytes(64), randomBytes(65), 'long '.repeat(40)];
    for (const key of keys) {
      const digest = keyedDigest(key);
      const expected = (text: string) => createHmac('sha256', key).update(text).digest('base64url');
      for (const text of ['', 'a', 'ü😀', 'x'.repeat(20_000), '\ud800', 'y'.repeat(200_000), 'after']) {
        expect(digest(text)).toBe(expected(text));
      }
      fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => digest(text) === expected(text)));
    }
  });
});
