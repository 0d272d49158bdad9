import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { clientAddress, forwardingConfig } from './client-address.ts';

const config = z.strictObject(forwardingConfig);

function addressOf(remoteAddress: string | undefined, headers: Record<string, string | string[]>, change: object = {}) {
  const forwarding = config.parse({ trustedProxies: ['10.0.0.0/8', 'fd00::/8'], ...change });
  return clientAddress(forwarding)({ headers, socket: remoteAddress === undefined ? {} : { remoteAddress } });
}

describe('clientAddress', () => {
  it.each<[string, string, string]>([
    ['one hop', '192.0.2.7', '192.0.2.7'],
    ['what the client wrote to the left', '10.9.9.9, 1.1.1.1, 192.0.2.7', '192.0.2.7'],
    ['proxies behind proxies', '1.1.1.1, 192.0.2.7, 10.0.0.2,10.0.0.3', '192.0.2.7'],
    ['a client inside', '10.5.5.5, 10.0.0.2', '10.5.5.5'],
    ['a port', '192.0.2.7:50123', '192.0.2.7'],
    ['IPv6', '2001:DB8::0:7', '2001:db8::7'],
    ['IPv6 in brackets', '[2001:db8::7]', '2001:db8::7'],
    ['IPv6 with a port', '[2001:db8::7]:443', '2001:db8::7'],
    ['IPv4 in IPv6', '::ffff:192.0.2.7', '192.0.2.7'],
    ['a proxy as IPv4 in IPv6', '192.0.2.7, ::ffff:10.0.0.2', '192.0.2.7'],
    ['an IPv6 proxy', '192.0.2.7, fd00::2', '192.0.2.7'],
    ['garbage at the end', '192.0.2.7, garbage', ''],
    ['garbage of the client', 'garbage, 192.0.2.7', '192.0.2.7'],
    ['garbage before proxies', 'garbage, 10.0.0.2', ''],
    ['nothing', '', ''],
    ['an empty hop', '192.0.2.7,', ''],
    ['a short form', '10.1', ''],
    ['an octal form', '012.0.0.1', ''],
    ['a zone', 'fe80::1%eth0', ''],
    ['a chain without end', '10.0.0.2,'.repeat(33), ''],
    ['a name', 'client.example', ''],
  ])('[chassis:client-address] of a trusted proxy takes %s', (_, header, expected) => {
    expect(addressOf('10.0.0.1', { 'x-forwarded-for': header })).toBe(expected);
  });

  it.each<[string, string, string]>([
    ['one hop', 'for=192.0.2.7', '192.0.2.7'],
    ['the last of several', 'for=1.1.1.1, For=192.0.2.7;proto=https;by=10.0.0.1', '192.0.2.7'],
    ['proxies behind proxies', 'for=192.0.2.7;host=a, for=10.0.0.2', '192.0.2.7'],
    ['IPv6 with a port', 'for="[2001:db8::7]:4711"', '2001:db8::7'],
    ['a quoted port', 'for="192.0.2.7:80"', '192.0.2.7'],
    ['an escape', 'for="192.0.2\\.7"', '192.0.2.7'],
    ['a comma within quotes', 'for=192.0.2.7;ext="a, for=10.0.0.2"', '192.0.2.7'],
    ['a hidden client', 'for=_hidden', ''],
    ['an unknown client', 'for=unknown, for=10.0.0.2', ''],
    ['an element that names none', 'for=192.0.2.7, proto=https', ''],
    ['two in one element', 'for=192.0.2.7;for=10.0.0.2', ''],
    ['an open quote', 'for="192.0.2.7', ''],
    ['no pairs', '192.0.2.7', ''],
  ])('[chassis:client-address] of a proxy that writes Forwarded takes %s', (_, header, expected) => {
    expect(addressOf('10.0.0.1', { forwarded: header }, { forwardedHeader: 'forwarded' })).toBe(expected);
  });

  it('[chassis:client-address] does not read a header from a peer that is no trusted proxy', () => {
    const headers = { 'x-forwarded-for': '10.0.0.9', forwarded: 'for=10.0.0.9' };
    expect(addressOf('192.0.2.1', headers)).toBe('192.0.2.1');
    expect(addressOf('192.0.2.1', headers, { forwardedHeader: 'forwarded' })).toBe('192.0.2.1');
    expect(addressOf('10.0.0.1', headers, { trustedProxies: [] })).toBe('10.0.0.1');
    expect(addressOf(undefined, headers)).toBe('');
  });

  it('[chassis:client-address] does not read the header that its proxies do not write', () => {
    expect(addressOf('10.0.0.1', { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=10.1.1.1' })).toBe('192.0.2.7');
    expect(addressOf('10.0.0.1', { forwarded: 'for=192.0.2.7' })).toBe('10.0.0.1');
  });

  it('[chassis:client-address] is the socket of who comes from inside without a proxy, as a dual-stack socket tells it', () => {
    expect(addressOf('::ffff:10.0.0.1', {})).toBe('10.0.0.1');
    expect(addressOf('::ffff:10.0.0.1', { 'x-forwarded-for': ['192.0.2.6', '192.0.2.7'] })).toBe('192.0.2.7');
  });

  it('[chassis:client-address] refuses a config that names no networks', () => {
    for (const bad of ['10.0.0.1', '10.0.0.0/33', 'proxy.example', '*']) {
      expect(config.safeParse({ trustedProxies: [bad] }).success).toBe(false);
    }
  });
});
