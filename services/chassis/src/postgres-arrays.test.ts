import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { byteaArray, float8Array, int8Array, oneForAll, textArray, uuidArray } from './postgres-arrays.ts';

/** Reads an array as array_recv does: the type and the bytes of each element. */
function read(bytes: Buffer): { oid: number; elements: (Buffer | null)[] } {
  const oid = bytes.readInt32BE(8);
  if (bytes.readInt32BE(0) === 0) {
    expect(bytes.length).toBe(12);
    return { oid, elements: [] };
  }
  const elements: (Buffer | null)[] = [];
  let at = 20;
  for (let count = bytes.readInt32BE(12); count > 0; count--) {
    const length = bytes.readInt32BE(at);
    at += 4;
    elements.push(length < 0 ? null : bytes.subarray(at, at + length));
    at += Math.max(0, length);
  }
  expect(at).toBe(bytes.length);
  expect(bytes.readInt32BE(4)).toBe(elements.includes(null) ? 1 : 0);
  return { oid, elements };
}

describe('binary arrays', () => {
  it('carry any text as UTF-8', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 60 })), (values) => {
        const { oid, elements } = read(textArray(values));
        expect(oid).toBe(25);
        expect(elements).toEqual(values.map((value) => Buffer.from(value)));
      }),
    );
  });

  it('are of one value where all are the same', () => {
    expect(oneForAll(['a', 'a', 'a'])).toEqual(['a']);
    expect(oneForAll(['a', 'a', 'b'])).toEqual(['a', 'a', 'b']);
    expect(oneForAll([null, 0])).toEqual([null, 0]);
    expect(oneForAll([])).toEqual([]);
  });

  it('carry any safe integer, any double and nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.maxSafeInteger())), (values) => {
        const { elements } = read(int8Array(values));
        expect(elements.map((one) => one && Number(one.readBigInt64BE()))).toEqual(values);
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.double()), (values) => {
        expect(read(float8Array(values)).elements.map((one) => one?.readDoubleBE())).toEqual(values);
      }),
    );
  });

  it('carry bytes and UUIDs', () => {
    expect(read(byteaArray([new Uint8Array([1, 2]), null, new Uint8Array()])).elements).toEqual([
      Buffer.from([1, 2]),
      null,
      Buffer.alloc(0),
    ]);
    fc.assert(
      fc.property(fc.array(fc.uuid()), (values) => {
        const upper = values.map((value) => value.toUpperCase());
        const expected = values.map((value) => Buffer.from(value.replaceAll('-', ''), 'hex'));
        expect(read(uuidArray(values)).elements).toEqual(expected);
        expect(read(uuidArray(upper)).elements).toEqual(expected);
      }),
    );
  });
});
