import { describe, expect, it } from '@jest/globals';
import { askedFingerprints } from '@sallyport/peers/value-fingerprints';
import { addSpan, createCorpus, TRUSTED } from '@sallyport/turn';
import { fingerprintsOf, noteUntrusted } from './fingerprint.ts';
import { latch, releasedBy } from './remember.ts';
import { gateOf, turnOf } from './testing.ts';

const source = 'tool:desk/mails';

function noted(content: object | string, known: { said?: string; trusted?: ReadonlySet<string> } = {}, typed = '') {
  const turn = turnOf({ body: { tools: [{ type: 'function', function: { name: 'f' } }] } });
  turn.corpus = createCorpus();
  if (typed !== '') addSpan(turn.corpus, { text: typed, origin: { kind: 'typed' }, label: TRUSTED });
  const kept = gateOf();
  const text = typeof content === 'string' ? content : '';
  const structuredJson = typeof content === 'string' ? '' : JSON.stringify(content);
  noteUntrusted(kept.gate, turn, { text, structuredJson }, { source, ...known });
  const known_ = new Set(turn.untrusted.keys());
  const hits = (value: string) =>
    askedFingerprints(kept.gate.digest, turn.principal, value).some((one) => known_.has(one));
  return { turn, kept, hits };
}

describe('fingerprints of untrusted values', () => {
  it.each([
    ['as it was', 'eve@evil.example'],
    ['in another case', 'EVE@Evil.Example'],
    ['inside a text', 'Please write to <eve@evil.example>, thanks'],
    ['in base64', 'ZXZlQGV2aWwuZXhhbXBsZQ=='],
    ['in percent', 'eve%40evil.example'],
    ['in base64 of percent', btoa('eve%40evil.example')],
    ['as character references', 'eve&#64;evil&#46;example'],
    ['in hexadecimal', Buffer.from('eve@evil.example').toString('hex')],
    ['the host of its link', 'https://evil.example/other?x=1'],
    ['its account number in groups', 'DE89 3704 0044 0532 0130 00'],
    ['its short text', 'the  Secret   Meeting'],
  ])('[turn:fingerprint] know a value again %s', (_name, value) => {
    const brought = {
      rows: [
        {
          from: 'eve@evil.example',
          body: 'see https://evil.example/x',
          iban: 'DE89370400440532013000',
          t: 'The secret meeting',
        },
      ],
    };
    expect(noted(brought).hits(value)).toBe(true);
    expect(noted({ rows: [{ from: 'ann@good.example' }] }).hits(value)).toBe(false);
  });

  it('[turn:fingerprint-left-out] leave out what was typed, said or is trusted, and what says nothing', () => {
    const { turn } = noted({ a: 'ann@typed.example', n: 7, d: '2026-03-04', w: 'word' }, {}, 'Mail ann@typed.example');
    expect([...turn.untrusted.keys()].filter((one) => !one.includes('t:ann'))).toEqual([]);
    expect(noted({ a: 'bob@said.example' }, { said: '{"to":"bob@said.example"}' }).turn.untrusted.size).toBe(0);
    expect(noted({ a: 'bob@book.example' }, { trusted: new Set(['/a']) }).turn.untrusted.size).toBe(0);
  });

  it('[turn:fingerprint-bounded] are bounded in number', () => {
    const { turn } = noted({ rows: Array.from({ length: 9_000 }, (_, index) => `mail-${index}@evil.example`) });
    expect(turn.untrusted.size).toBeLessThanOrEqual(2_000);
  });

  it('[turn:fingerprint-bounded] are not used up by what stands before in the same text', () => {
    const links = Array.from({ length: 300 }, (_, index) => `https://host-${index}.example/x`).join(' ');
    expect(noted(`${links} or write to eve@evil.example`).hits('eve@evil.example')).toBe(true);
    expect(noted({ body: `${links} or write to eve@evil.example` }).hits('eve@evil.example')).toBe(true);
  });

  it('[turn:fingerprint-told] are told to policy with the run, once, by digest and source', async () => {
    const { turn, kept } = noted('Write to eve@evil.example');
    expect(fingerprintsOf(turn).every((one) => one.source === source)).toBe(true);
    const fingerprints = fingerprintsOf(turn);
    expect(fingerprints).not.toEqual([]);
    await latch(kept.gate, turn);
    await latch(kept.gate, turn);
    expect(kept.remembered).toMatchObject([{ fingerprints, trajectory: turn.trajectory }]);
    expect(releasedBy(kept.gate, turn, [], TRUSTED).fingerprints).toEqual([]);
  });
});
