import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { intersectGlobs, matchesGlob } from './glob.ts';

describe('globs', () => {
  it.each([
    ['*', '', true],
    ['*', 'mail/send', true],
    ['mail/*', 'mail/send', true],
    ['mail/*', 'calendar/send', false],
    ['*/list_*', 'mail/list_mails', true],
    ['gpt', 'gpt-4', false],
    ['a*b*c', 'aXbYbZc', true],
    ['a*b*c', 'aXbYbZ', false],
    ['a.c', 'abc', false],
    ['', 'a', false],
  ])('%s on %s is %s', (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected);
  });

  it.each([
    [['*'], ['gpt-*'], ['gpt-*']],
    [['gpt-*'], ['*-mini'], ['gpt-*-mini', 'gpt-mini']],
    [['mail/*'], ['calendar/*'], []],
    [['mail/send'], ['mail/*', '*'], ['mail/send']],
  ])('%j and %j have %j in common', (a, b, both) => {
    expect(intersectGlobs(a, b).sort()).toEqual([...both].sort());
  });

  const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 5 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 7 });

  it('an intersection matches exactly what both patterns match', () => {
    fc.assert(
      fc.property(word, word, text, (a, b, value) => {
        const both = intersectGlobs([a], [b]).some((pattern) => matchesGlob(pattern, value));
        expect(both).toBe(matchesGlob(a, value) && matchesGlob(b, value));
      }),
      { numRuns: 2000 },
    );
  });
});
