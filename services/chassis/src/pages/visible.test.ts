import { describe, expect, it } from '@jest/globals';
import { html } from './html.ts';
import { visible, warningsOf } from './visible.ts';

const bare = (text: string) => visible(text).markup.replace(/<mark class="code">(U\+[0-9A-F]+)<\/mark>/g, '[$1]');

describe('markup', () => {
  it('[console:approve-escaped] escapes whatever is filled in, also what only looks like markup of ours', () => {
    const evil = `<script>"'\`&`;
    expect(html`<p title="${evil}">${evil}</p>`.markup).toBe(
      '<p title="&lt;script&gt;&quot;&#39;&#96;&amp;">&lt;script&gt;&quot;&#39;&#96;&amp;</p>',
    );
    expect(() => html`${JSON.parse('{"markup":"<b>"}')}`).toThrow(TypeError);
    expect(html`${[html`<i>${1}</i>`, ' & ', undefined, false]}`.markup).toBe('<i>1</i> &amp; ');
  });
});

describe('text made visible', () => {
  it.each([
    ['a direction override', 'a\u202egpj.exe', 'a[U+202E]gpj.exe'],
    ['isolates', '\u2066x\u2069', '[U+2066]x[U+2069]'],
    ['a zero-width space', 'pay\u200bpal', 'pay[U+200B]pal'],
    ['a soft hyphen', 'pay\u00adpal', 'pay[U+00AD]pal'],
    ['Unicode tags', 'hi\u{e0041}\u{e0042}', 'hi[U+E0041][U+E0042]'],
    ['controls', 'a\u0000\u001b[31m\u007f\u009b', 'a[U+0000][U+001B][31m[U+007F][U+009B]'],
    ['a carriage return, while line breaks stay', 'a\r\nb', 'a[U+000D]\nb'],
    ['other line breaks', 'a\u2028b\u2029c', 'a[U+2028]b[U+2029]c'],
    ['blanks that are none', 'a\u00a0b\u3000c\u2800d\u3164e', 'a[U+00A0]b[U+3000]c[U+2800]d[U+3164]e'],
    ['blanks at the ends', ' a b ', '[U+0020]a b[U+0020]'],
    ['half of a pair', 'a\ud800b', 'a[U+D800]b'],
    ['variation selectors', 'a\ufe0f', 'a[U+FE0F]'],
    ['heaps of marks', 'a\u0301\u0301\u0301\u0301', 'a\u0301\u0301[U+0301][U+0301]'],
    ['a Cyrillic letter in a Latin word', 'b\u043eb@bank.com', 'b\u043e[U+043E]b@bank.com'],
    ['a full-width letter', '\uff41', '\uff41[U+FF41]'],
    ['a slash that is none', 'bank.com\u2044x', 'bank.com\u2044[U+2044]x'],
  ])('[console:approve-visible] shows %s', (_name, text, shown) => {
    expect(bare(text)).toBe(shown);
  });

  it.each(['Grüße, Zoë – „ja“ … 12 €', 'Привет, мир', '日本語のメール', 'a\tb\nc', 'naïve café'])(
    '[console:approve-visible] leaves %j as it is',
    (text) => {
      expect(visible(text).markup).toBe(text);
      expect(warningsOf(text)).toEqual({ unseen: false, alike: false, rightToLeft: false });
    },
  );

  it('says in words what is marked, so that nobody has to spot it', () => {
    expect(warningsOf('a\u200bb')).toMatchObject({ unseen: true, alike: false });
    expect(warningsOf('b\u043eb')).toMatchObject({ unseen: false, alike: true });
    expect(warningsOf('\u05d0@x')).toMatchObject({ rightToLeft: true });
  });

  it('takes time in proportion to the text', () => {
    // Processor time: the machine may have much else to do.
    const started = process.cpuUsage();
    visible('b\u043eb \u202e '.repeat(20_000));
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(2_000);
  });
});
