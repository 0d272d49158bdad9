import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, type JsonValue, parseStrict } from './canonical-json.ts';
import { addResult, createCorpus } from './corpus.ts';
import { defangArguments } from './defang.ts';
import { blockText } from './digest.ts';
import { hasBeyondDouble, int64Of, isExactNumber, parseExact } from './exact-number.ts';
import { escapeHandlesIn } from './handle.ts';
import { fillArguments } from './handle-fill.ts';
import { TRUSTED, untrusted } from './label.ts';
import { originsOf } from './origin.ts';

const read = (text: string): JsonValue => parseStrict(text, { exactNumbers: true });
const canonical = (text: string): string => canonicalJson(read(text));

describe('numbers beyond a double', () => {
  it.each([
    '{"id":1234567890123456789}',
    '[-9223372036854775808,18446744073709551615]',
    '{"id":9007199254740993}',
    '{"id":1234567890123456768}',
    '{"id":1234567890123456789.0}',
    '{"id":1.234567890123456789e18}',
    '{"wei":1.234567890123456789}',
    '{"a":1234567890123.4567}',
    '{"tiny":1e-400}',
    '{"long":1000000000000000000000000000000}',
  ])('[turn:exact-numbers] are printed as they were written: %s', (text) => {
    expect(hasBeyondDouble(text)).toBe(true);
    expect(JSON.stringify(read(text))).toBe(text);
    expect(JSON.stringify(parseExact(text))).toBe(text);
  });

  it.each([
    '{"id":9007199254740992}',
    '{"id":"12345678901234567891"}',
    '{"1234567890123456789":"\\"1234567890123456789,"}',
    '[0.30000000000000004,52.520000000000003,0.10000000000000001]',
    '[1e100,5e-324,1.7976931348623157e308,1e30,-0,0e999,0.0000000000000000000]',
    '{"id":1234567890123456800}',
  ])('are not those that a double is printed as: %s', (text) => {
    expect(hasBeyondDouble(text)).toBe(false);
    expect(parseExact(text)).toEqual(JSON.parse(text));
  });

  it('[turn:exact-bounded] are looked for in no text for ever: each that is cut off is refused as it ever was', () => {
    const text =
      '{"id":1234567890123456789,"text":"chapter 1 ................ \\"7\\\\","list":[{"a":1e-400},"1234567890123456"]}';
    expect(JSON.stringify(parseExact(text))).toBe(text);
    for (let end = 0; end < text.length; end++) {
      const cut = text.slice(0, end);
      expect(() => parseExact(cut)).toThrow(SyntaxError);
      expect([true, false]).toContain(hasBeyondDouble(cut));
    }
  });

  it('[turn:exact-numbers] are found among many others', () => {
    const nodes = parseExact(`[${'1,'.repeat(200_000)}12345678901234567890]`) as unknown[];
    expect([nodes.length, nodes[0], isExactNumber(nodes.at(-1))]).toEqual([200_001, 1, true]);
  });

  it('[turn:exact-numbers] keep the last of two members of one name, and members that an object has by itself', () => {
    const value = parseExact('{"a":1234567890123456789,"__proto__":{"b":1234567890123456788},"a":7,"toString":1e400}');
    expect(JSON.stringify(value)).toBe('{"a":7,"__proto__":{"b":1234567890123456788},"toString":1e400}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('[turn:exact-digest] have one canonical text a value, and another for each other value', () => {
    for (const [one, other] of [
      ['1234567890123456789', '1234567890123456788'],
      ['1234567890123456789', '1234567890123456800'],
      ['1234567890123456768', '1234567890123456800'],
      ['9007199254740993', '9007199254740992'],
      ['1234567890123456789.0', '1234567890123456788.0'],
      ['0.12345678901234567891', '0.12345678901234567892'],
      ['1e-400', '0'],
      ['1e-400', '1e-401'],
    ] as const) {
      expect(canonical(one)).not.toBe(canonical(other));
    }
    for (const [one, other] of [
      ['1234567890123456789', '1234567890123456789.0'],
      ['1234567890123456789', '1.234567890123456789e18'],
      ['1234567890123456789', '1234567890123456789000e-3'],
      ['1000000000000000000000000', '1e24'],
      ['0.012345678901234567891', '1.2345678901234567891e-2'],
      ['0.10000000000000001', '0.1'],
      ['1.0', '1'],
    ] as const) {
      expect(canonical(one)).toBe(canonical(other));
    }
    expect(canonical('[1.234567890123456789e18]')).toBe('[1234567890123456789]');
    expect(() => canonical('1e-9999999')).toThrow('not_finite');
  });

  it('[turn:exact-digest] keep their value in the canonical text, which is read as itself', () => {
    const decimals = fc.tuple(
      fc.constantFrom('', '-'),
      fc.bigInt({ min: 1n, max: 10n ** 40n }),
      fc.integer({ min: -330, max: 260 }),
    );
    fc.assert(
      fc.property(decimals, ([sign, digits, exponent]) => {
        const text = canonical(`${sign}${digits}e${exponent}`);
        expect(canonical(text)).toBe(text);
        const [, said = '', by = '0'] = /^(.*?)(?:e(.*))?$/.exec(text) ?? [];
        const fraction = said.split('.')[1]?.length ?? 0;
        const [one, other] = [BigInt(said.replace('.', '')), Number(by) - fraction];
        const least = Math.min(other, exponent);
        const written = BigInt(`${sign}${digits}`) * 10n ** BigInt(exponent - least);
        const read = one * 10n ** BigInt(other - least);
        // A fraction of 17 digits may be how a double is printed.
        if (isExactNumber(parseExact(`${sign}${digits}e${exponent}`))) expect(read).toBe(written);
      }),
    );
  });

  it('are never taken for an object that a client wrote, nor the other way round', () => {
    const value = read('{"a":{"rawJSON":"1234567890123456789"},"b":1234567890123456789}') as Record<string, JsonValue>;
    expect([isExactNumber(value.a), isExactNumber(value.b)]).toEqual([false, true]);
    expect(canonicalJson(value)).toBe('{"a":{"rawJSON":"1234567890123456789"},"b":1234567890123456789}');
  });

  it('[turn:exact-numbers] go through filling, defanging and escaping unchanged', () => {
    const text = '{"id":1234567890123456789,"list":[0.12345678901234567891],"to":"h_0123456789012345678901"}';
    const filled = fillArguments(read(text), () => ({ value: 'x', label: untrusted('t') }));
    const settings = { filled: filled.filled, known: () => false, doubtful: () => true };
    const { value } = defangArguments(escapeHandlesIn(filled.value), settings);
    expect(JSON.stringify(value)).toBe('{"id":1234567890123456789,"list":[0.12345678901234567891],"to":"x"}');
  });

  it('[turn:exact-numbers] are filled from handles, as a number and inside JSON text', () => {
    const id = 'h_0123456789012345678901';
    const inputSchema = { properties: { id: { type: 'integer' } } };
    const resolve = () => ({ value: '1234567890123456789', label: untrusted('t') });
    const args = read(`{"id":"${id}","body":"{\\"n\\":1234567890123456789,\\"of\\":\\"${id}\\"}"}`);
    expect(JSON.stringify(fillArguments(args, resolve, { inputSchema }).value)).toBe(
      '{"id":1234567890123456789,"body":"{\\"n\\":1234567890123456789,\\"of\\":\\"1234567890123456789\\"}"}',
    );
    const broken = () => ({ value: '1234567890123456789.5', label: untrusted('t') });
    expect(fillArguments(read(`{"id":"${id}"}`), broken, { inputSchema }).unfilled).toHaveLength(1);
  });

  it('[turn:exact-origin] have the origin of the same number, and of no other', () => {
    const corpus = createCorpus(TRUSTED);
    addResult(corpus, 'crm/find', read('{"id":1234567890123456789}'), untrusted('tool:crm/find'));
    const args = read('{"a":1234567890123456789.0,"b":1234567890123456788}');
    expect(originsOf(args, corpus).map(({ pointer, origin }) => [pointer, origin.kind])).toEqual([
      ['/a', 'result'],
      ['/b', 'composed'],
    ]);
  });

  it('[turn:exact-digest] tell two results apart in the digests of history', () => {
    expect(blockText('{"id":1234567890123456789}')).not.toBe(blockText('{"id":1234567890123456788}'));
    expect(blockText('{"id": 1234567890123456789 }')).toBe(blockText(read('{"id":1234567890123456789}')));
  });

  it('are 64-bit integers for rules where they are', () => {
    const ints = [
      '9223372036854775807',
      '9223372036854775808',
      '1.5',
      '1234567890123456789.0',
      '0.12345678901234567891',
    ];
    expect(ints.map((one) => int64Of(parseExact(one) as number))).toEqual([
      9223372036854775807n,
      undefined,
      undefined,
      1234567890123456789n,
      undefined,
    ]);
    expect(int64Of(1234567890123456800)).toBe(1234567890123456800n);
  });
});
