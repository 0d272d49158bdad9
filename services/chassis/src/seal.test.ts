import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deriveKey, sealer } from './seal.ts';

const key = (id: string, fill: number) => ({ id, key: Buffer.alloc(32, fill) });
const plain = Buffer.from('a provider key');

describe('sealer', () => {
  it('opens what it sealed for the same purpose, and nothing is readable in between', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), (bytes, aad) => {
        const { seal, open } = sealer([key('k', 1)]);
        expect(open(seal(bytes, aad), aad)).toEqual(Buffer.from(bytes));
      }),
    );
    expect(
      sealer([key('k', 1)])
        .seal(plain, 'x')
        .includes(plain),
    ).toBe(false);
  });

  it('[chassis:seal-purpose] refuses another purpose, another key, and every altered byte', () => {
    const { seal, open } = sealer([key('k', 1)]);
    const sealed = seal(plain, 'tenant-a');
    const fault = expect.objectContaining({ code: 'internal' });
    expect(() => open(sealed, 'tenant-b')).toThrow(fault);
    expect(() => sealer([key('k', 2)]).open(sealed, 'tenant-a')).toThrow(fault);
    for (let i = 0; i < sealed.length; i++) {
      const altered = Buffer.from(sealed);
      altered[i] = (altered[i] as number) ^ 1;
      expect(() => open(altered, 'tenant-a')).toThrow(fault);
      expect(() => open(sealed.subarray(0, i), 'tenant-a')).toThrow(fault);
    }
  });

  it('seals with the first key and still opens what older ones sealed', () => {
    const old = sealer([key('old', 1)]).seal(plain, '');
    const both = sealer([key('new', 2), key('old', 1)]);
    expect(both.open(old, '')).toEqual(plain);
    expect(both.keyIdOf(both.seal(plain, ''))).toBe('new');
    expect(both.keyIdOf(old)).toBe('old');
  });

  it.each([
    ['no key', []],
    ['a short key', [{ id: 'k', key: Buffer.alloc(16) }]],
    ['two keys of one id', [key('k', 1), key('k', 2)]],
    ['an empty id', [key('', 1)]],
  ])('is not made with %s', (_what, keys) => {
    expect(() => sealer(keys)).toThrow();
  });

  it('derives different keys for different purposes', () => {
    const master = Buffer.alloc(32, 7);
    expect(deriveKey(master, 'a')).toEqual(deriveKey(master, 'a'));
    expect(deriveKey(master, 'a')).not.toEqual(deriveKey(master, 'b'));
    expect(deriveKey(master, 'a')).toHaveLength(32);
  });
});
