import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sleep } from '../deadline.ts';
import { createLogger } from '../log.ts';
import { rpcChannel, rpcClient } from './client.ts';
import { dnsNames } from './credentials.ts';
import { type RpcServer, rpcServer } from './server.ts';
import { type TestAuthority, testAuthority } from './testing-certificates.ts';
import { Echo } from './testing-echo.ts';

const log = createLogger({ service: 'test', level: 'error', write: () => undefined });
const TIME = { timeoutMs: 3000 };
let authority: TestAuthority;
let server: RpcServer;

beforeAll(async () => {
  authority = await testAuthority();
  server = rpcServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: await authority.issue('policy'),
    log,
    callers: { 'test.v1.Echo': ['model-proxy'] },
  }).add(Echo, {
    say: async (_request, context) => ({ value: context.caller }),
    read: async ({ value }) => ({ value }),
    async *count() {},
    join: async () => ({}),
    async *chat() {},
  });
  await server.start();
});

afterAll(() => server.stop(Date.now() + 500));

async function callAs(name: string, options: { peer?: string; self?: string; by?: TestAuthority } = {}) {
  const channel = rpcChannel({
    target: `dns:///127.0.0.1:${server.port()}`,
    tls: await (options.by ?? authority).issue(name),
    self: options.self ?? name,
    peer: options.peer ?? 'policy',
    log,
  });
  try {
    return (await rpcClient(Echo, channel).say({}, TIME)).value;
  } finally {
    channel.close();
  }
}

describe('mutual TLS', () => {
  it('knows the caller by the name in its certificate', async () => {
    expect(await callAs('model-proxy')).toBe('model-proxy');
  });

  it('[rpc:caller-by-san] refuses a certificate of another service, whatever name it claims', async () => {
    await expect(callAs('demo', { self: 'model-proxy' })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('refuses a certificate of another authority', async () => {
    await expect(callAs('model-proxy', { by: await testAuthority() })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('refuses a server whose certificate names another service', async () => {
    await expect(callAs('model-proxy', { peer: 'vault' })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('refuses a client that speaks without TLS', async () => {
    const target = `dns:///127.0.0.1:${server.port()}`;
    const channel = rpcChannel({ target, tls: undefined, self: 'model-proxy', log });
    await expect(rpcClient(Echo, channel).say({}, { timeoutMs: 1000 })).rejects.toMatchObject({
      code: expect.stringMatching(/unavailable|deadline_exceeded/),
    });
    channel.close();
  });

  it('[rpc:certificate-reload] takes up a rotated certificate without a restart', async () => {
    // The file of `policy` now names someone else: who is strict about the name must notice on a new connection.
    const before = await authority.issue('vault');
    const { readFileSync, writeFileSync } = await import('node:fs');
    const own = await authority.issue('policy');
    writeFileSync(own.keyFile, readFileSync(before.keyFile));
    writeFileSync(own.certFile, readFileSync(before.certFile));
    const servedAs = async (peer: string) => {
      let caller: unknown;
      for (let tries = 0; tries < 100 && caller !== 'model-proxy'; tries++) {
        await sleep(50);
        caller = await callAs('model-proxy', { peer }).catch((error) => error);
      }
      expect(caller).toBe('model-proxy');
    };
    await servedAs('vault');
    await authority.issue('policy');
    await servedAs('policy');
  });
});

describe('dnsNames', () => {
  it.each([
    ['DNS:policy, DNS:policy.ns.svc, IP Address:127.0.0.1', ['policy', 'policy.ns.svc']],
    ['DNS:"x, DNS:policy, y"', []],
    [undefined, []],
  ])('%s holds %j', (text, names) => expect(dnsNames(text)).toEqual(names));
});
