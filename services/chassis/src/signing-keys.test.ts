import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { newSigningKeys, readSigningKeys } from './signing-keys.ts';

const dir = mkdtempSync(join(tmpdir(), 'sallyport-signing-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const fileOf = (content: string) => {
  const path = join(dir, 'keys.json');
  writeFileSync(path, content);
  return path;
};
const keyOf = () => JSON.parse(newSigningKeys()).keys[0];

describe('signing keys', () => {
  it('[chassis:signing-keys] are read newest first, and published without their secret', () => {
    const [next, old] = [keyOf(), keyOf()];
    const { current, published } = readSigningKeys(fileOf(JSON.stringify({ keys: [next, old] })));
    expect(current.kid).toBe(next.kid);
    expect(published.keys.map(({ kid }) => kid)).toEqual([next.kid, old.kid]);
    expect(JSON.stringify(published)).not.toContain(next.d);
  });

  it.each([
    ['none at all', { keys: [] }],
    ['another algorithm', { keys: [{ ...keyOf(), alg: 'RS256' }] }],
    ['a point that is not on the curve', { keys: [{ ...keyOf(), x: 'A'.repeat(43) }] }],
    ['a name twice', { keys: Array.from({ length: 2 }, () => ({ ...keyOf(), kid: 'k' })) }],
  ])('[chassis:signing-keys] are refused at the start: %s', (_name, document) => {
    expect(() => readSigningKeys(fileOf(JSON.stringify(document)))).toThrow('The configuration cannot be used');
  });
});
