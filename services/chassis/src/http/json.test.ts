import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asGatewayError } from '../errors.ts';
import { parseJson } from './json.ts';

const parse = (text: string, maxDepth?: number) =>
  parseJson(Buffer.from(text), maxDepth === undefined ? {} : { maxDepth });
const fault = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    const { code, details } = asGatewayError(error);
    return [code, details?.pointer];
  }
  return 'no fault';
};

describe('parseJson', () => {
  it.each([
    ['{"a":1,"a":2}', '/a'],
    ['{"a":1,"\\u0061":2}', '/a'],
    ['{"x":[{"b":1},{"c":{"k":1,"z":2 , "k" :3}}]}', '/x/1/c/k'],
    ['{"a/b":{"~":1,"~":2}}', '/a~1b/~0'],
    ['{"":1,"":2}', '/'],
    ['{"q\\"":1,"q\\"":2}', '/q"'],
    ['[{"s":"\\\\","s":"{"}]', '/0/s'],
    ['{"__proto__":1,"__proto__":2}', '/__proto__'],
    ['{"messages":[{"role":"user","content":"a:b"}],"tools":[],"messages":[]}', '/messages'],
  ])('[model:dup-key-400] refuses %s and points at %s', (text, pointer) => {
    expect(fault(() => parse(text))).toEqual(['duplicate_key', pointer]);
  });

  it.each(['', '{', '{"a":}', '[1,]', '\u{feff}{}', '{"a":01}', 'nul', '"a\nb"'])('refuses %j as invalid', (text) => {
    expect(fault(() => parse(text))).toEqual(['invalid_request', undefined]);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(fault(() => parseJson(Buffer.from([0x22, 0xc3, 0x28, 0x22])))).toEqual(['invalid_request', undefined]);
  });

  it('does not quote the body in its error', () => {
    expect(() => parse('{"a": secret-value}')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });

  it('refuses what nests deeper than allowed, and not less', () => {
    expect(parse('[[[1]]]', 3)).toEqual([[[1]]]);
    expect(fault(() => parse('[[[1]]]', 2))).toEqual(['body_too_deep', undefined]);
    expect(fault(() => parse('['.repeat(100_000) + ']'.repeat(100_000)))).toEqual(['body_too_deep', undefined]);
    expect(parse('"[[[["', 1)).toBe('[[[[');
  });

  it('keeps __proto__ as an own key that pollutes nothing', () => {
    const value = parse('{"__proto__":{"admin":true}}') as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
    expect(value.admin).toBeUndefined();
  });

  it('reads every JSON value as JSON.parse does', () => {
    fc.assert(fc.property(fc.json(), (text) => expect(parse(text)).toEqual(JSON.parse(text))));
  });

  it('finds a key twice wherever it is put', () => {
    fc.assert(
      fc.property(fc.string(), fc.json(), fc.json(), (key, first, second) => {
        const name = JSON.stringify(key);
        expect(fault(() => parse(`[0,{"other key":[],${name}:${first},${name}:${second}}]`))).toEqual([
          'duplicate_key',
          `/1/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        ]);
      }),
    );
  });
});
