import { describe, expect, it } from '@jest/globals';
import { createPeppers, matchesDigest } from './peppers.ts';

const old = { id: 'old', key: Buffer.alloc(32, 1) };
const fresh = { id: 'fresh', key: Buffer.alloc(32, 2) };

describe('peppers', () => {
  it('hash with the first key of the file and still know digests of the others', () => {
    const before = createPeppers([old]).digest('secret');
    const peppers = createPeppers([fresh, old]);
    expect(peppers.currentId).toBe('fresh');
    expect(peppers.digest('secret').pepperId).toBe('fresh');
    expect(matchesDigest(peppers.candidates('secret'), before)).toBe(true);
    expect(matchesDigest(peppers.candidates('other'), before)).toBe(false);
  });

  it('know nothing of a digest whose pepper was dropped', () => {
    const before = createPeppers([old]).digest('secret');
    expect(matchesDigest(createPeppers([fresh]).candidates('secret'), before)).toBe(false);
  });

  it('never match the absence of a secret', () => {
    expect(matchesDigest(createPeppers([old]).candidates(''), undefined)).toBe(false);
  });

  it('need a key', () => {
    expect(() => createPeppers([])).toThrow('at least one pepper');
  });
});
