import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Ending } from '@sallyport/chassis/ending';
import { outbound } from '@sallyport/chassis/http/fetch';
import type { Provider } from '../catalog.ts';
import { findProvider } from '../providers/index.ts';
import { createUpstream, type Upstream } from './upstream.ts';

const application = JSON.stringify({ tenantId: 'acme.example', clientId: 'app', clientSecret: 'secret' });

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** A provider and its token endpoint: `good` says which token is taken. */
async function scene(
  good: (token: string) => boolean,
  spec: { allowPrivateNetwork?: boolean; tokenURL?: string } = {},
) {
  const seen: string[] = [];
  let tokens = 0;
  const server: Server = createServer((req: IncomingMessage, res) => {
    const token = req.headers.authorization?.replace('Bearer ', '') ?? '';
    req.resume();
    if (req.url === '/token') {
      seen.push('token');
      res.end(JSON.stringify({ access_token: `t${++tokens}`, token_type: 'Bearer', expires_in: 3600 }));
    } else {
      seen.push(token);
      res.writeHead(good(token) ? 200 : 401).end('{}');
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let stopped = 0;
  const upstream: Upstream = createUpstream((options) => {
    const made = outbound(options);
    return {
      ...made,
      stop: () => {
        stopped++;
        return made.stop();
      },
    };
  });
  open.push({ close: () => upstream.stop() }, { close: () => new Promise((closed) => server.close(closed)) });
  const timeouts = { connectSeconds: 1, firstByteSeconds: 1, idleSeconds: 1, totalSeconds: 1 };
  const { allowPrivateNetwork = true, tokenURL = `${url}/token` } = spec;
  const provider = {
    tenant: 'acme',
    uid: 'u',
    generation: 1,
    baseUrl: url,
    declaration: findProvider('azure-foundry'),
    spec: { type: 'azure-foundry', timeouts, allowPrivateNetwork, credentials: { tokenURL } },
  } as unknown as Provider;
  const ask = async () => {
    const call = { method: 'POST' as const, path: '/chat', headers: {}, body: '{}', key: application };
    const answer = await upstream.request(provider, { ...call, signal: new Ending() });
    await answer.discard();
    return answer.status;
  };
  return { ask, seen, upstream, provider, stopped: () => stopped };
}

describe('the connections of a provider', () => {
  it('[providers:forgotten] are closed once it is gone and the last call over them is over', async () => {
    const { ask, seen, upstream, provider, stopped } = await scene(() => true);
    expect(await ask()).toBe(200);
    upstream.keepOnly([provider]);
    expect(stopped()).toBe(0);
    const late = ask();
    upstream.keepOnly([{ uid: 'another' }]);
    expect([await late, stopped()]).toEqual([200, 1]);
    // One that begins while its provider goes is still answered, over connections that the next change forgets.
    expect(await ask()).toBe(200);
    upstream.keepOnly([]);
    upstream.keepOnly([]);
    expect(stopped()).toBe(2);
    expect(seen.filter((one) => one === 'token')).toHaveLength(1);
  });
});

describe('a call with a token', () => {
  it('[clouds:tokens] is made once more with a new token where the one that was held is refused', async () => {
    let revoked = '';
    const { ask, seen } = await scene((token) => token !== revoked);
    expect([await ask(), await ask()]).toEqual([200, 200]);
    revoked = 't1';
    expect(await ask()).toBe(200);
    expect(seen).toEqual(['token', 't1', 't1', 't1', 'token', 't2']);
  });

  it('[clouds:tokens] is not made over and over where new tokens are refused as well', async () => {
    const { ask, seen } = await scene(() => false);
    expect([await ask(), await ask()]).toEqual([401, 401]);
    expect(seen).toEqual(['token', 't1', 'token', 't2']);
  });

  it.each([
    ['a private address', {}],
    ['the metadata of the machine', { allowPrivateNetwork: true, tokenURL: 'http://169.254.169.254/token' }],
    [
      'the metadata of the machine by name',
      { allowPrivateNetwork: true, tokenURL: 'http://metadata.google.internal/t' },
    ],
  ])('[clouds:guarded] is refused where its tokens would be had at %s', async (_name, spec) => {
    const { ask, seen } = await scene(() => true, { allowPrivateNetwork: false, ...spec });
    await expect(ask()).rejects.toMatchObject({ code: 'permission_denied' });
    expect(seen).toEqual([]);
  });
});
