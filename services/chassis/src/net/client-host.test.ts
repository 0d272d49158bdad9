import { describe, expect, it } from '@jest/globals';
import { clientHost } from './client-host.ts';

const SAID = { host: 'pod:80', 'x-forwarded-host': 'gw.example, pod', 'x-forwarded-proto': 'https, http' };

function reachedAt(remoteAddress: string, headers: object, change: object = {}, encrypted = false) {
  const socket = { remoteAddress, ...(encrypted ? { encrypted } : {}) };
  const config = { trustedProxies: ['10.0.0.0/8'], forwardedHeader: 'x-forwarded-for', ...change } as const;
  return clientHost(config)({ headers: headers as Record<string, string>, socket });
}

describe('clientHost', () => {
  it('[chassis:client-host] believes a trusted proxy, and nobody else, about where a client reached us', () => {
    expect(reachedAt('10.0.0.1', SAID)).toEqual({ host: 'gw.example', encrypted: true });
    expect(reachedAt('::ffff:10.0.0.1', SAID)).toEqual({ host: 'gw.example', encrypted: true });
    const plain = { host: 'pod:80', encrypted: false };
    expect(reachedAt('192.0.2.1', SAID)).toEqual(plain);
    expect(reachedAt('10.0.0.1', SAID, { trustedProxies: [] })).toEqual(plain);
    expect(reachedAt('10.0.0.1', SAID, { forwardedHeader: 'forwarded' })).toEqual(plain);
  });

  it('[chassis:client-host] goes by the request itself where its proxy says nothing', () => {
    expect(reachedAt('10.0.0.1', { host: 'gw.example' }, {}, true)).toEqual({ host: 'gw.example', encrypted: true });
    expect(reachedAt('10.0.0.1', {})).toEqual({ host: '', encrypted: false });
  });
});
