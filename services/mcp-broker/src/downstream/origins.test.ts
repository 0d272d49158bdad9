import { describe, expect, it } from '@jest/globals';
import { checkedOrigin, publicBase } from './origins.ts';

const none: Parameters<typeof publicBase>[0] = {
  publicUrl: undefined,
  allowedHosts: undefined,
  allowedOrigins: [],
  oauth: { defaultTenant: 'default', hosts: {} },
};

describe('where requests come from', () => {
  it.each<[string, object, Record<string, string>, boolean]>([
    ['no page', none, { host: 'gw.example' }, true],
    ['a page of loopback itself', none, { host: '127.0.0.1:4180', origin: 'http://127.0.0.1:4180' }, true],
    // A name that was made to resolve to us: page and host agree, and neither is ours.
    ['DNS rebinding', none, { host: 'evil.example:4180', origin: 'http://evil.example:4180' }, false],
    ['our own page', { ...none, publicUrl: 'https://gw.example' }, { host: 'x', origin: 'https://gw.example' }, true],
    [
      'our name without TLS',
      { ...none, publicUrl: 'https://gw.example' },
      { host: 'x', origin: 'http://gw.example' },
      false,
    ],
    [
      'an allowed host',
      { ...none, allowedHosts: ['gw.example'] },
      { host: 'gw.example:443', origin: 'https://gw.example:443' },
      true,
    ],
    ['another host', { ...none, allowedHosts: ['gw.example'] }, { host: 'evil.example' }, false],
    ['no host', { ...none, allowedHosts: ['gw.example'] }, {}, false],
    [
      'an allowed page',
      { ...none, allowedOrigins: ['https://app.example/'] },
      { host: 'x', origin: 'https://app.example' },
      true,
    ],
    [
      'a page whose name begins like it',
      { ...none, allowedOrigins: ['https://app.example'] },
      { host: 'x', origin: 'https://app.example.evil' },
      false,
    ],
  ])('[mcp:origin] judges %s', (_name, settings, headers, allowed) => {
    const judge = () => checkedOrigin({ ...none, ...settings }, headers);
    if (allowed) expect(judge).not.toThrow();
    else expect(judge).toThrow(expect.objectContaining({ code: 'permission_denied' }));
  });

  it('tells where clients reach us', () => {
    const known = {
      ...none,
      publicUrl: 'https://gw.example/',
      oauth: { ...none.oauth, hosts: { 'acme.example': 'acme' } },
    };
    const base = (settings: typeof none, host: string, encrypted = false) => publicBase(settings, { host, encrypted });
    expect(base(known, 'pod:80')).toBe('https://gw.example');
    expect(base(known, 'Acme.example')).toBe('https://acme.example');
    expect(base(known, 'constructor')).toBe('https://gw.example');
    expect(base(none, '127.0.0.1:4180')).toBe('http://127.0.0.1:4180');
    expect(base(none, 'gw.example', true)).toBe('https://gw.example');
    expect(base(none, 'a b"><')).toBe('http://localhost');
  });
});
