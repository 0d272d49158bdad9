import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createInertText } from './inert-text.ts';
import { hostIsAmong } from './links.ts';

const KNOWN = new Set(['good.example']);

/** What is shown of pieces; those in brackets of their own are values from outside. */
function shown(pieces: readonly (string | [string])[], doubtful = false): string {
  const inert = createInertText({ known: (host) => hostIsAmong(host, KNOWN), doubtful: () => doubtful });
  const out = pieces.map((piece) =>
    typeof piece === 'string' ? inert.push(piece, false) : inert.push(piece[0], true),
  );
  return out.join('') + inert.end();
}

describe('links that outsiders brought into the final text', () => {
  it.each<[string, string]>([
    ['see https://evil.com/x, now', 'see `https://evil.com/x`, now'],
    ['see www.evil.com now', 'see `www.evil.com` now'],
    ['![a cat](https://evil.com/p.png?q=1)', '[a cat](`https://evil.com/p.png?q=1`)'],
    ['![](//evil.com/p.png)', '[](`//evil.com/p.png`)'],
    ['[more](https://evil.com)', '[more](`https://evil.com`)'],
    ['<https://evil.com>', '<`https://evil.com`>'],
    ['<img alt="x" src="https://evil.com/p.png">', '`https://evil.com/p.png`'],
    ["<a href='//evil.com'>here</a>", '`//evil.com`here</a>'],
    ['<img src=https&colon;//evil.com/p>', '`https://evil.com/p`'],
    ['<img src="ht\ntps://evil.com/p">', '`https://evil.com/p`'],
    ['![a](https&#58;//evil.com/p)', '[a](`https://evil.com/p`)'],
    ['![a](<https\\://evil.com/p>)', '[a](`https://evil.com/p`)'],
    ['[x]: https://evil.com', '[x]: `https://evil.com`'],
    ['[x](javascript:alert(1))', '[x](`javascript:alert(1)`)'],
    ['`a` https://evil.com', '`a` ``https://evil.com``'],
    ['` https://evil.com `', '` ``https://evil.com`` `'],
    ['`https://evil.com', '` ``https://evil.com``'],
    ['https://good.example/x', 'https://good.example/x'],
    ['write to ann@evil.com', 'write to ann@evil.com'],
    ['<b>bold</b> and 1 < 2', '<b>bold</b> and 1 < 2'],
  ])('[turn:inert] %j reads %j, whole or in pieces', (value, expected) => {
    expect(shown([[value]])).toBe(expected);
    expect(shown([value], true)).toBe(expected);
    expect(shown([...value].map((char): [string] => [char]))).toBe(expected);
    expect(shown(['Hi: ', [value], '\n'])).toBe(`Hi: ${expected}\n`);
  });

  it("[turn:inert-own] leaves the model's own links, but not those that it made with a value", () => {
    expect(shown(['see https://mine.example/a and ', ['x']])).toBe('see https://mine.example/a and x');
    expect(shown(['see https://mine.example/?q=', ['secret'], '&b=1 ok'])).toBe(
      'see `https://mine.example/?q=secret&b=1` ok',
    );
    expect(shown(['![x](https://mine.example/', ['secret'], '.png)'])).toBe('[x](`https://mine.example/secret.png`)');
    expect(shown(['<img src="https://mine.example/', ['secret'], '">'])).toBe('`https://mine.example/secret`');
  });

  it('[turn:inert-waits] holds back no more than the word that may become a link', () => {
    const inert = createInertText({ known: () => false, doubtful: () => true });
    expect(inert.push('Hello the', false)).toBe('Hello ');
    expect(inert.push('re, see ![a ', false)).toBe('there, see ');
    expect(inert.push('cat](x.png) now', false)).toBe('![a cat](x.png) ');
    expect(inert.end()).toBe('now');
    const long = inert.push('a'.repeat(20_000), true);
    expect(long.length).toBeGreaterThan(10_000);
    expect(long.length + inert.end().length).toBe(20_000);
    expect(inert.push(` https://evil.com/${'a'.repeat(20_000)}`, true).startsWith(' `https://evil.com/')).toBe(true);
  });

  it.each([0, 1, 4_000, 5_000, 9_000, 20_000])(
    '[turn:inert-pieces] lets no value go on with the host of a link that %i characters stand before',
    (length) => {
      for (const filler of ['-', 'word ', '漢']) {
        const before = `${filler.repeat(length)} `;
        for (const after of ['', '/a'.repeat(2_048), '/a'.repeat(5_000)]) {
          const out = shown([[`${before}https://good.example`], [`.evil.com/p${after}`]]);
          expect(out).not.toMatch(/(?<!`)https:\/\/good\.example\.evil/);
          expect(shown([[`${before}-https://good.example.evil.com/p${after}`]])).not.toMatch(/-https:/);
        }
      }
    },
  );

  it('[turn:inert-pieces] reads the same however a stream cuts it', () => {
    const part = fc.constantFrom(
      'https://evil.com/a',
      ' ',
      '![',
      'alt',
      '](',
      ')',
      '<img src="',
      '">',
      '`',
      '``',
      '\n',
      'www.',
      'good.example/',
      '&#58;',
      '//',
      'x',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 4 }), (parts, cuts) => {
        const text = parts.join('');
        const sorted = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const pieces = sorted.slice(1).map((cut, index) => text.slice(sorted[index], cut));
        const whole = shown([text], true);
        // Fences may be longer where backticks come later, so only what stands outside of code is compared.
        const live = (out: string) => out.replace(/(`+)(?!`)[^`]*\1(?!`)/g, '');
        expect(live(shown(pieces, true)).includes('https://evil.com')).toBe(false);
        expect(live(whole).includes('https://evil.com')).toBe(false);
      }),
    );
  });

  it('[turn:inert-bounded] stays quick on long hostile text', () => {
    for (const part of [
      '![',
      '![](',
      '<a ',
      '](',
      '[a]: ',
      'https://',
      '`',
      '<img src=',
      ' x=',
      'a',
      `${'a'.repeat(99)} `,
    ]) {
      const start = process.cpuUsage();
      const inert = createInertText({ known: () => false, doubtful: () => true });
      for (let i = 0; i < 200; i++) inert.push(part.repeat(100), true);
      inert.end();
      expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000);
    }
  });
});
