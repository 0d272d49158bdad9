import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readKeyFile } from './key-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'sallyport-keys-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const KEY = Buffer.alloc(32, 3).toString('base64');
const read = (content: string) => {
  const path = join(dir, 'keys.yaml');
  writeFileSync(path, content);
  return readKeyFile(path);
};

describe('a key file', () => {
  it('is a list in YAML or JSON, newest first', () => {
    const keys = [
      { id: 'new', key: Buffer.alloc(32, 3) },
      { id: 'old', key: Buffer.alloc(32, 3) },
    ];
    expect(read(`- id: new\n  key: ${KEY}\n- id: old\n  key: ${KEY}\n`)).toEqual(keys);
    expect(read(JSON.stringify(['new', 'old'].map((id) => ({ id, key: KEY }))))).toEqual(keys);
  });

  it.each([
    ['no key', '[]', 'at least one key'],
    ['a short key', `- {id: a, key: ${Buffer.alloc(16).toString('base64')}}`, '32 bytes'],
    ['a key that is not base64', '- {id: a, key: "not base64!"}', 'must be base64'],
    ['an id twice', `[{id: a, key: ${KEY}}, {id: a, key: ${KEY}}]`, 'stands twice'],
    ['broken YAML', `- id: a\n  key: "${KEY}" x\n`, 'at line 2, column'],
    ['a mistyped field', `- {id: a, kee: ${KEY}}`, 'kee'],
  ])('[chassis:key-file] is refused with %s, without showing a key', (_name, content, message) => {
    expect(() => read(content)).toThrow(message);
    expect(() => read(content)).not.toThrow(KEY);
  });
});
