import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import type { Outbound } from '@sallyport/chassis/http/fetch';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Server } from '../catalog/catalog.ts';
import { callScope } from './call-scope.ts';
import { serverSend } from './server-send.ts';

const principal = create(PrincipalSchema, { tenant: 'acme', id: 'user:dana', user: 'dana' });

/** Sends as in a call of dana's; says what went out and which leases were asked for. */
async function sent(spec: object, url: string) {
  const out: { url: string; headers: Record<string, string> }[] = [];
  const leased: string[] = [];
  const outbound = {
    async request(to: URL, { headers }: { headers: Record<string, string> }) {
      out.push({ url: to.href, headers: { ...headers } });
      return { status: 200, headers: {} };
    },
  } as unknown as Outbound;
  const credentials = {
    async lease({ origin }: { origin: string }) {
      leased.push(origin);
      return { value: 'canary', reference: 'r', scopes: [] };
    },
    drop: () => undefined,
  };
  const server = { tenant: 'acme', name: 'mail', uid: 'u', spec } as unknown as Server;
  const send = serverSend(server, { outbound, credentials });
  const scope = { principal, signal: new AbortController().signal, credential: '' };
  await callScope.run(scope, () => send(new URL(url), { method: 'POST', headers: { a: 'b' }, signals: [] }));
  return { out, leased };
}

describe('requests to tool servers', () => {
  const remote = { url: 'https://tools.example/mcp' };
  const auth = { remote, auth: { type: 'OAuth', scopes: [] } };
  const secret = { remote, credentials: { header: 'X-Key', scheme: '', secretRef: { name: 'a', key: 'b' } } };

  it.each([
    ['a token', auth, 'authorization', 'Bearer canary'],
    ['a secret', secret, 'x-key', 'canary'],
  ])('[mcp:connect-host] carry %s to the host of the server and to no other', async (_what, spec, header, value) => {
    const home = await sent(spec, 'https://tools.example/mcp?session=1');
    expect(home).toMatchObject({ out: [{ headers: { a: 'b', [header]: value } }], leased: ['https://tools.example'] });
    for (const url of ['https://evil.example/mcp', 'http://tools.example/mcp', 'https://tools.example:8443/mcp']) {
      const away = await sent(spec, url);
      expect(away.leased).toEqual([]);
      expect(JSON.stringify(away.out)).not.toContain('canary');
    }
  });
});
