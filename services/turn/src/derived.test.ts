import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from './canonical-json.ts';
import { addSpan, addValue, type Corpus, createCorpus } from './corpus.ts';
import { defangArguments } from './defang.ts';
import { TRUSTED, untrusted } from './label.ts';
import { originsOf } from './origin.ts';

const mail = untrusted('tool:mail');

function labelsOf(args: JsonValue, corpus: Corpus): string[] {
  return [...new Set(originsOf(args, corpus).map(({ label }) => label.integrity))];
}

describe('untrusted numbers in what the model makes', () => {
  it.each<[JsonValue, JsonValue, string]>([
    [1_234_567, '001234567', 'untrusted'],
    [1_234_567, 'to account 0001234567 please', 'untrusted'],
    [1_234_567, '+1234567', 'untrusted'],
    ['0001234567', 1_234_567, 'untrusted'],
    ['0001234567', 'account 1,234,567', 'untrusted'],
    [1_234_567, '0012345678', 'trusted'],
  ])('[turn:origin-parts] %j, seen in a result and written as %j: %s', (seen, made, label) => {
    const corpus = createCorpus();
    addValue(corpus, 'mail/read', '/number', seen, mail);
    expect(labelsOf([made], corpus)).toEqual([label]);
  });
});

describe('untrusted values in what the model makes, where there is too much to look at', () => {
  it('[turn:origin-bounded] takes a text that is too long to look through for one that holds them', () => {
    const corpus = createCorpus();
    addValue(corpus, 'mail/read', '/code', 'A7-991-KX', mail);
    expect(labelsOf([`${'word '.repeat(30_000)}A7-991-KX`], corpus)).toEqual(['untrusted']);
    expect(labelsOf(['word '.repeat(10)], corpus)).toEqual(['trusted']);
  });

  it('[turn:origin-bounded] takes what there was no time to compare for one that holds them', () => {
    const corpus = createCorpus();
    for (let at = 0; at < 3_000; at++) addValue(corpus, 'mail/read', `/${at}`, 1_000_000 + at, mail);
    addValue(corpus, 'mail/read', '/code', 'A7-991-KX', untrusted('tool:last'));
    const [one] = originsOf([`${'word '.repeat(19_000)}A7-991-KX`], corpus);
    expect(one?.label.sources).toContain('tool:last');
  });

  it('[turn:origin-bounded] taints what is in play with a value that no room was left for', () => {
    const corpus = createCorpus(TRUSTED, 100);
    addSpan(corpus, { text: 'x'.repeat(95), origin: { kind: 'typed' }, label: TRUSTED });
    addValue(corpus, 'mail/read', '/code', 'A7-991-KX', mail);
    expect(labelsOf(['It is A7-991-KX'], corpus)).toEqual(['untrusted']);
  });

  it.each<[string, (at: number) => JsonValue]>([
    ['texts', (at) => `argument number ${at}`],
    ['numbers', (at) => 2_000_000 + at],
    ['objects', (at) => ({ [`key ${at}`]: [] })],
  ])('[turn:origin-bounded] holds nobody up with many %s beside many values', (_name, made) => {
    const corpus = createCorpus();
    for (let at = 0; at < 5_000; at++) addValue(corpus, 'mail/read', `/${at}`, 1_000_000 + at, mail);
    for (const count of [3_000, 9_900, 200_000]) {
      const args = Array.from({ length: count }, (_, at) => made(at));
      const began = process.cpuUsage();
      const labels = labelsOf({ args }, corpus);
      expect(process.cpuUsage(began).user / 1_000).toBeLessThan(4_000);
      if (count > 10_000) expect(labels).toEqual(['untrusted']);
    }
  });

  it('[turn:origin-bounded] says the same where names are so long that telling of each value takes too much', () => {
    const under = (count: number) => ({ ['n'.repeat(2_500)]: Array.from({ length: count }, () => 0) });
    expect(originsOf(under(500), createCorpus())).toHaveLength(500);
    expect(originsOf(under(9_900), createCorpus())).toMatchObject([{ pointer: '', origin: { kind: 'unknown' } }]);
  });

  it('[turn:origin-bounded] says of too many values that none is known, and takes the links of all for foreign', () => {
    const corpus = createCorpus();
    addSpan(corpus, { text: 'bob@x.com', origin: { kind: 'typed' }, label: TRUSTED });
    const args = {
      to: 'bob@x.com',
      text: 'see https://evil.example/x now',
      rest: Array.from({ length: 10_000 }, () => 1),
    };
    const origins = originsOf(args, corpus);
    expect(origins).toMatchObject([{ pointer: '', origin: { kind: 'unknown' }, label: { integrity: 'untrusted' } }]);
    const doubted = new Set(origins.map(({ pointer }) => pointer));
    const settings = { filled: [], known: () => false, doubtful: (pointer: string) => doubted.has(pointer) };
    expect(defangArguments(args, settings)).toMatchObject({
      count: 1,
      value: { text: 'see hxxps://evil[.]example/x now' },
    });
  });
});
