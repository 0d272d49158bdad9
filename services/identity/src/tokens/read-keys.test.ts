import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Outbound, outbound } from '@sallyport/chassis/http/fetch';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { KeySource } from './key-sets.ts';
import { createReadKeys, keysOf, type ReadKeys } from './read-keys.ts';
import { testKey } from './testing.ts';

const key = testKey('k-1', 'EC').jwk;
const GOOD = JSON.stringify({ keys: [key] });
const asked: string[] = [];
let answer: (res: ServerResponse, path: string) => unknown = (res) => res.end(GOOD);
const server = createServer((req, res) => {
  asked.push(req.url ?? '');
  answer(res, req.url ?? '');
});
let base = '';
let read: ReadKeys;
const ways: Outbound[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const timeouts = { connectMs: 500, headersMs: 300, bodyIdleMs: 300 };
  const open = outbound({ guard: urlGuard({ allowPrivate: true, allowHttp: true }), timeouts });
  const guarded = outbound({ guard: urlGuard(), timeouts });
  ways.push(open, guarded);
  read = createReadKeys({ open, guarded });
});
afterAll(async () => {
  for (const way of ways) await way.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const of = (change: Partial<KeySource> = {}): KeySource => ({
  issuer: base,
  jwksUrl: `${base}/keys`,
  allowPrivate: true,
  ...change,
});
const discovery = (change: object = {}) => JSON.stringify({ issuer: base, jwks_uri: `${base}/keys`, ...change });

describe('reading the keys of an issuer', () => {
  it('[tokens:key-sets] takes them from the URL that the resource names, or from where discovery says', async () => {
    answer = (res, path) => res.end(path.startsWith('/.well-known') ? discovery() : GOOD);
    expect(await read(of())).toEqual([key]);
    asked.length = 0;
    expect(await read(of({ jwksUrl: undefined }))).toEqual([key]);
    expect(asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it.each<[string, (res: ServerResponse) => unknown]>([
    ['500', (res) => res.writeHead(500).end(GOOD)],
    ['204', (res) => res.writeHead(204).end()],
    ['HTML', (res) => res.end('<!doctype html><title>Sign in</title>')],
    ['nothing', (res) => res.end()],
    ['a list', (res) => res.end(JSON.stringify([key]))],
    ['null', (res) => res.end('null')],
    ['keys that are no list', (res) => res.end('{"keys":{}}')],
    ['no keys', (res) => res.end('{"keys":[]}')],
    [
      'only keys that nobody may have',
      (res) =>
        res.end(
          JSON.stringify({
            keys: [
              { ...key, d: 'x' },
              { kty: 'oct', k: 'x' },
            ],
          }),
        ),
    ],
    ['300 keys', (res) => res.end(JSON.stringify({ keys: Array.from({ length: 300 }, () => key) }))],
    ['a megabyte', (res) => res.end(JSON.stringify({ keys: [key], padding: 'x'.repeat(1_000_000) }))],
    ['members twice', (res) => res.end(`{"keys":[],"keys":[${JSON.stringify(key)}]}`)],
    ['a deep nest', (res) => res.end(`{"keys":[${JSON.stringify(key)}],"x":${'['.repeat(100)}${']'.repeat(100)}}`)],
    ['a connection that breaks', (res) => res.destroy()],
    ['half an answer', (res) => res.write('{"keys":[')],
    ['silence', () => undefined],
  ])('[tokens:bad-keys] takes %s for no answer', async (_, bad) => {
    answer = bad;
    await expect(read(of())).rejects.toMatchObject({ code: expect.stringMatching(/^upstream_/) });
  });

  it('[tokens:bad-keys] follows no redirect', async () => {
    answer = (res, path) =>
      path === '/keys' ? res.writeHead(302, { location: `${base}/elsewhere` }).end() : res.end(GOOD);
    asked.length = 0;
    await expect(read(of())).rejects.toThrow('The issuer answered 302.');
    expect(asked).toEqual(['/keys']);
  });

  it.each<[string, object]>([
    ['names another issuer', { issuer: 'https://other.example' }],
    ['names the issuer with a slash behind it', { issuer: 'slash' }],
    ['names no keys', { jwks_uri: undefined }],
    ['names keys that are no text', { jwks_uri: ['x'] }],
    ['names a file', { jwks_uri: 'file:///etc/passwd' }],
  ])('[tokens:bad-keys] takes none from discovery that %s', async (_, change) => {
    const changed = 'issuer' in change && change.issuer === 'slash' ? { issuer: `${base}/` } : change;
    answer = (res, path) => res.end(path.startsWith('/.well-known') ? discovery(changed) : GOOD);
    asked.length = 0;
    await expect(read(of({ jwksUrl: undefined }))).rejects.toThrow();
    expect(asked).toEqual(['/.well-known/openid-configuration']);
  });

  it.each([
    ['loopback', () => base],
    ['the metadata of a cloud', () => 'https://169.254.169.254/keys'],
    ['a private network', () => 'https://10.0.0.1/keys'],
    ['loopback as IPv6', () => 'https://[::1]/keys'],
    ['http', () => 'http://login.example/keys'],
  ])('[tokens:bad-keys] does not go to %s unless the resource says so', async (_, url) => {
    answer = (res) => res.end(GOOD);
    asked.length = 0;
    await expect(read(of({ jwksUrl: url(), allowPrivate: false }))).rejects.toMatchObject({
      code: 'permission_denied',
    });
    expect(asked).toEqual([]);
  });

  it('[tokens:bad-keys] leaves out keys of forms that it does not know, and keeps the others', () => {
    const set = { keys: [null, 'x', 7, {}, { kty: 1 }, { kty: 'oct', k: 'x' }, { ...key, d: 'x' }, key] };
    expect(keysOf(set)).toEqual([key]);
  });
});
