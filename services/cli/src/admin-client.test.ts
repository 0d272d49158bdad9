import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { adminClient } from './admin-client.ts';

const data = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
const keys: (string | undefined)[] = [];
let server: Server;
let endpoint = '';

beforeAll(async () => {
  server = createServer((req, res) => {
    keys.push(req.headers.authorization);
    res.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(join(data, 'dev.json'), JSON.stringify({ endpoint, adminKey: 'admin-canary' }));
});
afterAll(() => {
  server.close();
  rmSync(data, { recursive: true });
});

describe('the admin API', () => {
  it('[cli:key-stays] of a suite on this machine is asked with its own key, which goes nowhere else', async () => {
    await adminClient({ data })('resources');
    expect(keys.splice(0)).toEqual(['Bearer admin-canary']);
    expect(() => adminClient({ data, endpoint: endpoint.replace('127.0.0.1', 'localhost') })).toThrow('--key');
    await adminClient({ data, endpoint, key: 'another' })('resources');
    expect(keys).toEqual(['Bearer another']);
  });

  it('says what to do where no suite runs', () => {
    expect(() => adminClient({ data: join(data, 'nowhere') })).toThrow('make dev');
  });
});
