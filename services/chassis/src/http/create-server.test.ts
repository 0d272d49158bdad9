import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

/** What Node has loaded of itself in a process that has run this. */
function loadedBy(script: string): string[] {
  const print = 'console.log(JSON.stringify(process.moduleLoadList));';
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', `${script} ${print}`], {
    cwd: fileURLToPath(new URL('../', import.meta.url)),
    encoding: 'utf8',
    timeout: 20_000,
  });
  return (JSON.parse(told) as string[]).filter((name) => name.includes('undici'));
}

test('a process that serves and calls over HTTP does not load the undici of Node itself', () => {
  const files = ['./admin.ts', './http/server.ts', './http/fetch.ts', 'node:http'];
  expect(loadedBy(files.map((file) => `await import('${file}');`).join(' '))).toEqual([]);
});

test('a process that imports node:http by itself does', () => {
  expect(loadedBy("await import('node:http');")).not.toEqual([]);
});
