import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from './canonical-json.ts';
import { addHandle, addResult, addSpan, addValue, type Corpus, createCorpus, type OriginKind } from './corpus.ts';
import { type Label, TRUSTED, untrusted } from './label.ts';
import { hasInvisible, skeleton } from './look-alike.ts';
import { labelOfOrigins, originsOf } from './origin.ts';

const mail = untrusted('tool:mail');
const ID = `h_${'A'.repeat(22)}`;

function corpusOf(typed: string, more: (corpus: Corpus) => void = () => undefined): Corpus {
  const corpus = createCorpus();
  addSpan(corpus, { text: typed, origin: { kind: 'typed' }, label: TRUSTED });
  more(corpus);
  return corpus;
}

function only(value: JsonValue, corpus: Corpus): { kind: OriginKind; label: Label; looksLike: string | undefined } {
  const [one] = originsOf({ v: value }, corpus);
  if (one === undefined) throw new Error('one leaf is expected');
  return { kind: one.origin.kind, label: one.label, looksLike: one.looksLike };
}

describe('values that stand in what the user typed', () => {
  it.each<[string, JsonValue]>([
    ['Send it to bob@x.com, please', 'bob@x.com'],
    ['Send it to Bob@X.com.', 'bob@x.com'],
    ['Send it to <bob@x.com>;carol@y.org', 'carol@y.org'],
    ['Send it to (bob@x.com)', 'mailto:bob@x.com'],
    ['Read example.com/report', 'https://example.com/report'],
    ['Read HTTPS://Example.COM:443', 'https://example.com/'],
    ['Pay to DE89 3704 0044 0532 0130 00 NOW', 'DE89370400440532013000'],
    ['Pay to GB82WEST12345698765432.', 'GB82 WEST 1234 5698 7654 32'],
    ['Call +49 (30) 1234-567', '+49301234567'],
    ['Call 0049 30 1234567', '+49301234567'],
    ['Book March 3rd, 2026 for me', '2026-03-03'],
    ['Book 3 March 2026', '2026-03-03'],
    ['Book 2026-03-03 10:00', '2026-03-03T10:00:00'],
    ['Book 31.12.2026', '2026-12-31'],
    ['Pay $1,250.50 to him', 1250.5],
    ['Send 5 copies', 5],
    ['Send +5 more', 5],
    ['Add 0.50 to it', 0.5],
    ['Pay to account 0012345', '0012345'],
    ['Use code 007.', '007'],
    ['Say “Happy birthday, Ann” to her', 'Happy birthday, Ann'],
    ["Open Bob's file", 'bob'],
    ['Read the   annual\nreport', 'annual report'],
    ['Ｂｏｂ is the name', 'bob'],
    ['Comment on issue 4 of acme/app.', 'acme'],
    ['Comment on issue 4 of (Acme/My-App)', 'my-app'],
  ])('[turn:origin-typed] %s: %j', (typed, value) => expect(only(value, corpusOf(typed)).kind).toBe('typed'));

  it.each<[string, JsonValue]>([
    ['Write to paypal.com.evil.org', 'paypal.com'],
    ['Write to rob.bob@x.com', 'bob@x.com'],
    ['Write to bob@x.com', 'x.com'],
    ['Read https://evil.com/x', '//evil.com/x'],
    ['Read http://good.com', 'https://good.com/'],
    ['Read https://good.com/a', 'https://good.com/A'],
    ['Read https://good.com', 'https://good.com@evil.com/'],
    ["Ask o'brien", 'brien'],
    ['Version 10.5.2', 10.5],
    ['Pay to account 12345', '0012345'],
    ['Pay to account 0012345', '12345'],
    ['Pay to account 0012345', 12345],
    ['Pay to account 00123', '0123'],
    ['Call 12345678', '+12345678'],
    ['Call +12345678', '12345678'],
    ['Pay to 123456789012345.67', '123456789012345.66'],
    ['Use code 007', 7],
    ['Use code 012,345', 12345],
    ['Book 03/04/2026', '2026-03-04'],
    ['Send 15 copies', 5],
    ['Pay DE89 3704 0044 0532 0130 00', 'DE88370400440532013000'],
    ['Write to bob', 'bo'],
    ['Read acme/app/docs', 'app'],
    ['Read acme/app/docs', 'acme'],
    ['Read https://good.com/evil', 'evil'],
    ['Read good.com/evil', 'evil'],
    ['Read my-acme/app', 'acme'],
    ['Write to bob and ann', 'bob ann'],
    ['Anything', ''],
    ['true', true],
    ['null', null],
  ])('[turn:origin-typed] is not there: %s: %j', (typed, value) => {
    const corpus = corpusOf(typed, (c) => addResult(c, 'mail', ['x'], mail));
    expect(only(value, corpus)).toMatchObject({ kind: 'composed', label: mail });
  });
});

describe('originsOf', () => {
  it('names tool and path of a value that is a field of a result', () => {
    const corpus = corpusOf('Answer Ann', (c) => addResult(c, 'mail__read', [{ from: 'Eve@Evil.com', n: 7 }], mail));
    expect(originsOf({ to: ['eve@evil.com'], n: 7 }, corpus)).toEqual([
      { pointer: '/to/0', origin: { kind: 'result', tool: 'mail__read', path: '/0/from' }, label: mail },
      { pointer: '/n', origin: { kind: 'result', tool: 'mail__read', path: '/0/n' }, label: mail },
    ]);
  });

  it('does not vouch for words picked out of a document', () => {
    const corpus = createCorpus();
    addSpan(corpus, { text: 'Please write to ann@x.com today', origin: { kind: 'attached' }, label: TRUSTED });
    addSpan(corpus, { text: 'evil', origin: { kind: 'result', tool: 'web' }, label: mail });
    expect(only('ann@x.com', corpus)).toMatchObject({ kind: 'composed', label: mail });
    expect(only('Please write to ann@x.com today', corpus).kind).toBe('attached');
  });

  it.each<[string, JsonValue]>([
    ['base64', btoa('eve@evil.example')],
    ['base64 of URLs, without padding', btoa('eve@evil.example').replace(/=+$/, '')],
    ['percent', 'eve%40evil%2Eexample'],
    ['hexadecimal', Buffer.from('eve@evil.example').toString('hex')],
    ['character references', 'eve&#x40;evil&period;example'],
    ['escapes', '\\u0065ve@evil.example'],
    ['base64 of percent', btoa('eve%40evil.example')],
  ])('[turn:origin-encoded] takes an untrusted value in %s for that value', (_name, value) => {
    const corpus = corpusOf('Go on', (c) => addValue(c, 'mail/read', '/from', 'eve@evil.example', mail));
    expect(originsOf([value], corpus)[0]).toMatchObject({ origin: { tool: 'mail/read', path: '/from' }, label: mail });
    expect(corpus.inPlay).toEqual(TRUSTED);
  });

  it('[turn:origin-parts] gives what the model makes of untrusted values their label', () => {
    const corpus = corpusOf('Go on', (c) => {
      addValue(c, 'shop/list', '/price', 1250.5, mail);
      addValue(c, 'shop/list', '/when', '2026-03-04', mail);
      addValue(c, 'shop/list', '/n', 3, mail);
    });
    expect(only('It costs $1,250.50 in all', corpus)).toMatchObject({ kind: 'composed', label: mail });
    expect(only('Book March 4th, 2026 for me', corpus).label).toEqual(mail);
    expect(only(`Costs ${btoa('it is 1250.50 now')}`, corpus).label).toEqual(mail);
    expect(only('Take 3 of them', corpus).label).toEqual(TRUSTED);
    expect(only(1250.5, corpus)).toMatchObject({ kind: 'result', label: mail });
    expect(only('It costs 21250.50', corpus).label).toEqual(TRUSTED);
  });

  it('lets the one who typed a value vouch for it, whoever repeats it', () => {
    const corpus = corpusOf('Write to bob@x.com', (c) => addResult(c, 'mail', ['bob@x.com'], mail));
    expect(only('bob@x.com', corpus)).toMatchObject({ kind: 'typed', label: TRUSTED });
  });

  it('prefers the trusted of two results, and typed and system before undeclared text', () => {
    const corpus = createCorpus();
    addResult(corpus, 'web', ['a@x.com'], mail);
    addResult(corpus, 'book', ['a@x.com'], TRUSTED);
    addSpan(corpus, { text: 'to a@x.com', origin: { kind: 'unknown' }, label: TRUSTED });
    expect(originsOf(['a@x.com'], corpus)[0]?.origin).toMatchObject({ tool: 'book' });
    addSpan(corpus, { text: 'cc a@x.com always', origin: { kind: 'system' }, label: TRUSTED });
    expect(only('a@x.com', corpus).kind).toBe('system');
  });

  it('says unknown for text of which the client did not declare that it is typed', () => {
    const corpus = createCorpus();
    addSpan(corpus, { text: 'Write to bob@x.com', origin: { kind: 'unknown' }, label: TRUSTED });
    expect(only('bob@x.com', corpus)).toMatchObject({ kind: 'unknown', label: TRUSTED });
  });

  it('gives a handle the label of its value, and one it does not know none', () => {
    const corpus = corpusOf('Answer', (c) => addHandle(c, ID, 'mail', '/0/from', mail));
    expect(originsOf({ a: { $handle: ID }, b: ID }, corpus)).toEqual([
      { pointer: '/a', origin: { kind: 'handle', tool: 'mail', path: '/0/from', handle: ID }, label: mail },
      { pointer: '/b', origin: { kind: 'handle', tool: 'mail', path: '/0/from', handle: ID }, label: mail },
    ]);
    expect(corpus.inPlay).toEqual(TRUSTED);
    expect(only(`Dear ${ID}`, corpus)).toMatchObject({ kind: 'composed', label: mail });
    expect(only(`h_${'z'.repeat(22)}`, corpus).label.integrity).toBe('untrusted');
  });

  it('[turn:origin-bounded] indexes a bounded amount, and what is left out still joins', () => {
    const corpus = createCorpus(TRUSTED, 10);
    addSpan(corpus, { text: 'a text that is too long', origin: { kind: 'typed' }, label: TRUSTED });
    addResult(corpus, 'web', ['another text that is too long'], mail);
    expect(only('too long', corpus)).toMatchObject({ kind: 'composed', label: mail });
  });

  it('escapes pointers and labels the call by all its values', () => {
    const corpus = corpusOf('x', (c) => addResult(c, 't', ['evil'], mail));
    const origins = originsOf({ 'a/b': { '~': 'x' }, c: ['evil'] }, corpus);
    expect(origins.map((one) => one.pointer)).toEqual(['/a~1b/~0', '/c/0']);
    expect(labelOfOrigins(origins)).toEqual(mail);
  });

  it('[turn:origin-names] tells of names that no schema declares, since they carry content', () => {
    const corpus = corpusOf('Post hello', (c) => addResult(c, 'mail', ['the password'], mail));
    const inputSchema = {
      properties: {
        body: { $ref: '#/$defs/body' },
        list: { items: { anyOf: [{ type: 'null' }, { properties: { k: {} } }] } },
      },
      $defs: { body: { properties: { text: { type: 'string' } } } },
    };
    const args = { body: { text: 'hello', 'the password': 'hello' }, list: [{ k: 'hello' }] };
    expect(originsOf(args, corpus, inputSchema).filter((one) => one.label.integrity === 'untrusted')).toEqual([
      { pointer: '/body/the password', name: true, origin: { kind: 'result', tool: 'mail', path: '/0' }, label: mail },
    ]);
    expect(originsOf(args, corpus)).toHaveLength(3);
  });

  it('stays quick on long hostile text', () => {
    const hostile = ['a@', '1 ', '1-', '+1', 'DE11 ', 'a.', "'", '://', 'https:']
      .map((part) => part.repeat(20_000))
      .join(' ');
    const corpus = corpusOf(hostile);
    const start = process.cpuUsage();
    originsOf({ a: 'bob@x.com', b: '2026-03-03', c: hostile.slice(0, 3000), d: "'", e: 'a' }, corpus);
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2000);
  });

  it.each<[string, string, JsonValue]>([
    ['a value that begins at every place', `b${'a'.repeat(1_000_000)}`, 'a'.repeat(50_000)],
    ['a run of punctuation', `${'.'.repeat(1_000_000)}x`, 'hello'],
    ['many values', 'ab '.repeat(1_000_000), Array.from({ length: 9_000 }, (_, index) => `ab ab ${index}`)],
  ])('[turn:origin-bounded] gives up on %s, which then vouches for nothing', (_name, text, args) => {
    const corpus = corpusOf(text, (c) => addResult(c, 'mail', ['evil'], mail));
    const start = process.cpuUsage();
    expect(originsOf(args, corpus).at(-1)).toMatchObject({ origin: { kind: 'composed' }, label: mail });
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(3000);
    // The next call has its own time.
    expect(only(text, corpus)).toMatchObject({ kind: 'typed' });
  });
});

describe('look-alikes', () => {
  it.each([
    ['Write to ann@paypal.com', 'ann@pаypal.com'],
    ['Write to ann@paypal.com', 'ann@paypa1.com'],
    ['Write to ann@modern.org', 'ann@modem.org'],
    ['Write to o`brien', "o'brien"],
    ['Write to ann@paypal.com', 'ann@pay\u200bpal.com'],
    ['Write to ann@paypal.com', 'ann@päypal.com'],
  ])('[turn:look-alike] does not take %s for %s, and says what it resembles', (typed, value) => {
    const corpus = corpusOf(typed, (c) => addResult(c, 'mail', [value], mail));
    const found = only(value, corpus);
    expect(found).toMatchObject({ kind: 'result', label: mail });
    expect(found.looksLike).toBe(typed.slice(9).toLowerCase());
  });
  it('folds what is drawn alike and nothing else', () => {
    expect(skeleton('ѕсоре')).toBe(skeleton('scope'));
    expect(skeleton('αβγ')).not.toBe(skeleton('xyz'));
    expect(hasInvisible('a\u{e0041}b')).toBe(true);
    expect(hasInvisible('a\u202eb')).toBe(true);
    expect(hasInvisible('naïve')).toBe(false);
  });
});
