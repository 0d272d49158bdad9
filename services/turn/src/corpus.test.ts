import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addResult, addSpan, createCorpus, hasForm, type Prose } from './corpus.ts';
import { TRUSTED, untrusted } from './label.ts';
import { formsIn, valueForms } from './normalise.ts';
import { originsOf } from './origin.ts';

const mail = untrusted('tool:mail');

// The same few values, written in all the ways in which they count as the same, and in some in which they do not.
const WRITTEN: readonly string[] = [
  ...['ann@x.com', 'Ann@X.com', 'mailto:ann@x.com', 'MAILTO:Ann@x.com', 'ann@x.com.org', 'ａnn@x.com'],
  ...['https://x.com', 'HTTPS://X.com:443/', 'https://x.com/A', 'https://x.com/a', 'https://x.com/a b', 'x.com/A'],
  ...[
    '1250.5',
    '1,250.50',
    '+1250.5',
    '01250.5',
    '1250.5000',
    '-1250.5',
    '1.250,5',
    '12',
    '012',
    '12.0',
    '0.0000001',
    '1e-7',
  ],
  ...['0', '-0', '999999', '1000000', '1,000,000', '0.30000000000000004', '0.3', '.3', '3.', '１２'],
  ...['+49 30 1234567', '0049301234567', '+49301234567', '1234567', '123-4567', '(123) 4567', '2026.03.04', '123456'],
  ...[
    '2026-03-04',
    '2026/03/04',
    '4 March 2026',
    'March 4th, 2026',
    '04.03.2026',
    '2026-3-4',
    '2026-02-31',
    '20260304',
  ],
  ...[
    '2026-03-04T10:00:00',
    '2026-03-04 10:00',
    '2026-03-04t10:00:00',
    '2026-03-04T10:00:00Z',
    '2026-03-04T10:00:00.000Z',
  ],
  ...['2026-03-04T10:00:00+00:00', '2026-03-04T10:00:00+0100', '2026-03-04T10:00:00+01:00', '2026-03-04T10:00:00z'],
  ...['DE89370400440532013000', 'DE89 3704 0044 0532 0130 00', 'de89-3704-0044-0532-0130-00', 'DE88370400440532013000'],
  ...['Dear Ann', 'dear  ann', 'Dear\nAnn', 'Ｄear Ann', 'dear ann.', 'σς', 'ΣΣ', 'ΑΣ'],
];
const edge = fc.constantFrom('', '', '', ' ', '\n', '\u00a0');
const written = fc.tuple(edge, fc.constantFrom(...WRITTEN), edge).map((parts) => parts.join(''));
const leaf = fc.oneof(written, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.string());

describe('a corpus', () => {
  it('[turn:origin-forms] finds a value in results wherever, and only where, a leaf shares a form with it', () => {
    fc.assert(
      fc.property(fc.array(leaf, { maxLength: 12 }), fc.array(leaf, { maxLength: 4 }), (leaves, values) => {
        const corpus = createCorpus();
        // Half is added when the first values were looked for already.
        addResult(corpus, 'mail', { a: leaves.slice(0, 6) }, mail);
        originsOf(values, corpus);
        addResult(corpus, 'mail', { b: leaves.slice(6) }, mail);
        const forms = leaves.map((one) => (String(one).trim() === '' ? [] : valueForms(String(one))));
        for (const [index, { origin }] of originsOf(values, corpus).entries()) {
          if (values[index] === '') continue;
          const wanted = new Set(valueForms(String(values[index])));
          const same = forms.flatMap((all, at) =>
            all.some((form) => wanted.has(form)) ? [at < 6 ? `/a/${at}` : `/b/${at - 6}`] : [],
          );
          if (same.length === 0) expect(origin).toEqual({ kind: 'composed' });
          else expect(same).toContain(origin.path);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('[turn:origin-forms] tells of every form that stands in a text, and of no other', () => {
    const glue = fc.constantFrom(' ', ', ', '. ', '\n', ' (', ') ', '"', ' – ');
    const text = fc.array(fc.tuple(written, glue), { minLength: 1, maxLength: 6 }).map((all) => all.flat().join(''));
    fc.assert(
      fc.property(text, fc.array(written, { maxLength: 6 }), (typed, values) => {
        const corpus = createCorpus();
        addSpan(corpus, { text: typed, origin: { kind: 'typed' }, label: TRUSTED });
        const [prose] = corpus.prose as [Prose];
        const standing = formsIn(typed);
        for (const form of values.flatMap(valueForms)) {
          if (!form.startsWith('t:')) expect([form, hasForm(prose, form, corpus)]).toEqual([form, standing.has(form)]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
