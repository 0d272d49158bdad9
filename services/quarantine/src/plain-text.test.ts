import { describe, expect, it } from '@jest/globals';
import { isPlainKey, isPlainText } from './plain-text.ts';

const RULE = { maxLength: 64 };

describe('text that is trusted by declaration', () => {
  it.each([
    ['Emma Johnson'],
    ['emma@bluesparrowtech.com'],
    ['Le Baratin & Söhne, 1-1-1 Nishi (Tokyo)'],
    ['team-building-activities.docx'],
    ['Chez L’Ami Jean'],
    ['DE89370400440532013000'],
    [''],
  ])('%s is shown', (text) => {
    expect(isPlainText(text, RULE)).toBe(true);
  });

  it.each([
    ['two lines', 'a\nb'],
    ['a long line', 'x'.repeat(65)],
    ['a URL', 'see https://evil.example/a'],
    ['a host that is written as people do', 'www.evil.example'],
    ['a host with a path', 'evil.example/a'],
    ['a URL with data', 'data:text/html,x'],
    ['a script', 'JavaScript:alert(1)'],
    ['mark-up', '<b>x</b>'],
    ['a link', '[x](y)'],
    ['a template', '{{x}}'],
    ['code', '`x`'],
    ['a table', 'a|b'],
    ['a control character', 'a\u0007b'],
    ['a tab', 'a\tb'],
    ['a zero-width space', 'a\u200Bb'],
    ['a soft hyphen', 'a\u00ADb'],
    ['a direction override', 'a\u202Eb'],
    ['a Unicode tag', 'a\u{E0041}'],
    ['a filler that is drawn as nothing', 'a\u3164b'],
    ['a line separator', 'a\u2028b'],
    ['a private character', 'a\uE000'],
    ['a lone surrogate', 'a\ud800'],
    ['letters with another reading', 'ｐａｙ'],
    ['a ligature', 'ﬁle'],
    ['a handle', `h_${'a'.repeat(22)}`],
    ['the name of a handle', 'x $handle'],
  ])('[quarantine:trusted-text] %s is not', (_, text) => {
    expect(isPlainText(text, RULE)).toBe(false);
  });

  it('[quarantine:trusted-text] several lines are judged line by line where the field says so', () => {
    expect(isPlainText('Hotels: City Hub\nLe Marais\n', { ...RULE, lines: true })).toBe(true);
    expect(isPlainText(`Hotels\n${'x'.repeat(65)}`, { ...RULE, lines: true })).toBe(false);
    expect(isPlainText('a\r\nb', { ...RULE, lines: true })).toBe(false);
    expect(isPlainText('a\n'.repeat(500), { ...RULE, lines: true })).toBe(false);
    expect(isPlainText('x'.repeat(1_000_000), { ...RULE, lines: true })).toBe(false);
  });

  it('a URI is shown where the schema says that it is one', () => {
    expect(isPlainText('https://docs.example/a?b=c', { ...RULE, uri: true })).toBe(true);
    expect(isPlainText('https://docs.example/<b>', { ...RULE, uri: true })).toBe(false);
  });

  it.each([['$handle'], ['a"b'], ['a\\b'], ['{x}'], [`h_${'a'.repeat(22)}`]])('%s is no name to show', (key) => {
    expect(isPlainKey(key)).toBe(false);
  });
});
