import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, JsonFault, type JsonFaultCode, type JsonValue, parseStrict } from './canonical-json.ts';

// fast-check's -0 is written as 0 (RFC 8785 §3.2.2.3), so it is left out of round trips.
const values = fc.jsonValue({ maxDepth: 6, stringUnit: 'grapheme' }).filter((v) => !JSON.stringify(v).includes('"-0"'));

function faultOf(run: () => unknown): { code: JsonFaultCode; pointer: string } | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof JsonFault) return { code: error.code, pointer: error.pointer };
    throw error;
  }
}

function shuffled(value: JsonValue): JsonValue {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, child]) => [key, shuffled(child)]),
  );
}

describe('canonicalJson', () => {
  it('[turn:canonical-json] round trips and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(values, (raw) => {
        const value = JSON.parse(JSON.stringify(raw)) as JsonValue;
        const text = canonicalJson(value);
        expect(parseStrict(text)).toEqual(value);
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(canonicalJson(parseStrict(JSON.stringify(value, null, 3)))).toBe(text);
      }),
    );
  });

  // Examples of RFC 8785 §3.2.2 and §3.2.3.
  it('writes the examples of the RFC', () => {
    const numbers =
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"literals":[null,true,false]}';
    expect(canonicalJson(parseStrict(numbers))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}',
    );
    const keys =
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}';
    expect(Object.keys(JSON.parse(canonicalJson(parseStrict(keys))) as object).map((k) => k.codePointAt(0))).toEqual([
      0x31, 0x0d, 0x80, 0xf6, 0x20ac, 0x1f600, 0xfb33,
    ]);
    expect(canonicalJson(-0)).toBe('0');
  });

  it.each<[string, unknown, JsonFaultCode]>([
    ['a lone surrogate', '\ud800', 'lone_surrogate'],
    ['a lone surrogate in a key', { '\udc00': 1 }, 'lone_surrogate'],
    ['an infinity', [Number.POSITIVE_INFINITY], 'not_finite'],
    ['undefined', { a: undefined }, 'invalid_json'],
    ['a bigint', 1n, 'invalid_json'],
  ])('refuses %s', (_name, value, code) => {
    expect(faultOf(() => canonicalJson(value as JsonValue))?.code).toBe(code);
  });
});

describe('parseStrict', () => {
  it.each<[string, JsonFaultCode, string]>([
    ['{"a":1,"a":2}', 'duplicate_key', '/a'],
    ['{"a":1,"\\u0061":2}', 'duplicate_key', '/a'],
    ['[0,{"b":{"c":1,"x":[{"k":1}],"c":2}}]', 'duplicate_key', '/1/b/c'],
    ['{"a/b":{"~":1,"~":1}}', 'duplicate_key', '/a~1b/~0'],
    ['{"s":"\\"a\\":","k\\\\":1,"k\\\\" :2}', 'duplicate_key', '/k\\'],
    ['{"a":[[[[1]]]],"a":1}', 'duplicate_key', '/a'],
    ['{"__proto__":1,"__proto__":2}', 'duplicate_key', '/__proto__'],
    ['{"a":"\\ud800"}', 'lone_surrogate', '/a'],
    ['{"\\udfff":1}', 'lone_surrogate', ''],
    ['[1e999]', 'not_finite', '/0'],
    ['{"a":}', 'invalid_json', ''],
    ['', 'invalid_json', ''],
    ['NaN', 'invalid_json', ''],
  ])('[turn:strict-json] refuses %s', (text, code, pointer) => {
    expect(faultOf(() => parseStrict(text))).toEqual({ code, pointer });
  });

  it('bounds the depth, also of text that would exhaust a stack', () => {
    expect(parseStrict('[[1]]', { maxDepth: 2 })).toEqual([[1]]);
    expect(faultOf(() => parseStrict('[[1]]', { maxDepth: 1 }))?.code).toBe('too_deep');
    expect(faultOf(() => parseStrict('['.repeat(50_000) + ']'.repeat(50_000)))?.code).toBe('too_deep');
  });

  it('takes what only looks like a key given twice', () => {
    const text = '{"a":{"k":"\\"k\\":"},"b":[{"k":1},{"k":1}],"c":"a","d":"x\\\\"}';
    expect(parseStrict(text)).toEqual(JSON.parse(text));
  });

  it('keeps __proto__ as data and pollutes nothing', () => {
    const value = parseStrict('{"__proto__":{"admin":true}}') as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('reads what JSON.parse reads, for any text without faults', () => {
    fc.assert(
      fc.property(values, (value) =>
        expect(parseStrict(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });
});
