import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasPattern, runsPattern } from './patterns.ts';
import { readPattern } from './read-pattern.ts';
import { uncheckedPatterns } from './unchecked-patterns.ts';

const has = (pattern: string, text: string) => hasPattern(pattern, text, { steps: 1e6 });

describe('patterns of JSON Schema in RE2', () => {
  it.each([
    ['\\s', '\u00a0', true],
    ['^.$', '\r', false],
    ['^.$', '😀', true],
    ['^\\u0041$', 'A', true],
    ['^[\\uD83D\\uDE00]$', '😀', true],
    ['^[\\w-.]+$', 'a-b.c', true],
    ['^[[a]$', '[', true],
    ['a$', 'a\n', false],
    ['^\\cA[\\b]$', '\u0001\b', true],
    ['^(?<year>\\d{4})\\/$', '2026/', true],
  ])('[schema:patterns] %j against %j is %s', (pattern, text, holds) => {
    expect(runsPattern(pattern)).toBe(true);
    expect(has(pattern, text)).toBe(holds);
  });

  it.each([
    ...['(?=a)b', '(?<!a)b', '(a)\\1', '(?<n>a)\\k<n>', '[^]', '\\p{Script=Greek}', '(', 'a{1001}', '(?:a{30}){40}'],
    // A count of more digits is a count as well, and no text.
    ...['^a{0,2147483647}$', '^a{0000000001}$', '^a{1,99999999999}\\-$'],
  ])('[schema:patterns-told] %j is not run', (pattern) => {
    expect(runsPattern(pattern)).toBe(false);
    expect(has(pattern, 'x')).toBe(true);
  });

  it('[schema:patterns-bounded] what is too long, or would compile to too much, is not run', () => {
    expect(runsPattern('a'.repeat(1_025))).toBe(false);
    expect(runsPattern('(?:[ab]{100}[cd]){9}')).toBe(true);
    expect(runsPattern('[ab]{1000}'.repeat(6))).toBe(false);
    // Each of these has a table of some hundred ranges, several times over.
    expect(runsPattern('^\\p{L}{100}$')).toBe(true);
    for (const large of ['^\\p{L}{900}$', '^[\\p{L}\\P{Lu}\\p{N}]{90}$', '(?:\\p{L}\\p{N}){120}'])
      expect(runsPattern(large)).toBe(false);
    expect(runsPattern(`${'('.repeat(500)}a${')'.repeat(500)}`)).toBe(true);
    expect(() => hasPattern('^a*$', 'a'.repeat(1_000), { steps: 999 })).toThrow();
  });

  it('[schema:patterns-bounded] what texts lead patterns through is not kept', () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const held = () => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    let random = 1;
    const bits = Array.from({ length: 50_000 }, () => {
      random = (random * 48_271) % 2_147_483_647;
      return random & 64 ? 'a' : 'b';
    });
    const text = `${bits.join('')}cc`;
    const before = held();
    for (let at = 0; at < 12; at++) hasPattern(`[ab]*a[ab]{${15 + at}}c`, text, { steps: 1e7 });
    expect((held() - before) / 1e6).toBeLessThan(20);
  });

  it('[schema:patterns-told] counts what is not run in both schemas', () => {
    const properties = { pattern: { type: 'string', pattern: '(?=a)' }, b: { pattern: '^a$' } };
    const more = { c: { enum: [{ pattern: '(?=a)' }] } };
    const inputSchema = { type: 'object', properties: { ...properties, ...more } };
    const outputSchema = { anyOf: [{ patternProperties: { '^x': {} } }, { $defs: { d: { pattern: '(a)\\1' } } }] };
    expect(uncheckedPatterns({ inputSchema, outputSchema })).toBe(3);
    expect(uncheckedPatterns({ inputSchema: { type: 'object' } })).toBe(0);
  });

  it('[schema:patterns] means the same as ECMAScript says, whatever it is made of', () => {
    const part = fc.constantFrom(
      ...['a', 'b', '\\d', '\\w', '\\s', '\\S', '.', '[a-c]', '[^a]', '[\\w-.]', '[\\s\\d]', '(', '(?:', ')', '|', '*'],
      ...['+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '^', '$', '\\b', '-', '\\-', '\\u0061', '\\x41', 'é', '[b-]'],
      ...['[^\\n]', '😀', ' ', '{', '}', ']', '/', '\\/', '??', '_', '[\\]]', '[[]', '\\n', '\\p{L}', '\\0', '[*-/]'],
    );
    const chars = ['a', 'b', 'A', '1', '_', ' ', '\u00a0', '\n', '\r', '-', '.', 'é', '😀', '\u2028', '{', ']', '\0'];
    const text = fc.array(fc.constantFrom(...chars), { maxLength: 6 }).map((all) => all.join(''));
    const pattern = fc.array(part, { minLength: 1, maxLength: 7 }).map((parts) => parts.join(''));
    let read = 0;
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 5, maxLength: 5 }), (one, texts) => {
        const engine = compiled(one);
        if (engine === undefined || readPattern(one) === undefined) return;
        // By the older rules it looks at halves of such a character, which JSON Schema does not mean.
        if (!engine.unicode && [one, ...texts].some((given) => given.includes('😀'))) return;
        read++;
        expect(texts.map((given) => has(one, given))).toEqual(texts.map((given) => engine.test(given)));
      }),
      { numRuns: 600 },
    );
    expect(read).toBeGreaterThan(150);
  });
});

function compiled(pattern: string): RegExp | undefined {
  for (const flags of ['u', '']) {
    try {
      return new RegExp(pattern, flags);
    } catch {
      // The older rules know some that the newer do not.
    }
  }
  return undefined;
}
