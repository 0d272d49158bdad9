import { describe, expect, it } from '@jest/globals';
import { foreignFault, withoutScope } from './client-metadata.ts';

const good = {
  client_name: 'Editor',
  redirect_uris: ['https://editor.example.com/callback'],
  token_endpoint_auth_method: 'none',
};

describe('clients that nobody declared', () => {
  it.each([
    ['the internet', 'https://editor.example.com/callback'],
    ['loopback', 'http://127.0.0.1:51234/callback'],
    ['loopback over IPv6', 'http://[::1]/callback'],
    ["an application's scheme", 'com.example.editor:/callback'],
  ])('[oauth:registration-redirect] may be sent back to %s', (_name, uri) => {
    expect(foreignFault({ ...good, redirect_uris: [uri] })).toBeUndefined();
  });

  it.each([
    ['http', 'http://editor.example.com/callback'],
    ['a private address', 'https://10.1.2.3/callback'],
    ['metadata', 'https://169.254.169.254/latest'],
    ['metadata in other writing', 'https://[::ffff:a9fe:a9fe]/'],
    ['a number for an address', 'https://2130706433/'],
    ['loopback over https', 'https://127.0.0.1/callback'],
    ['a name of the cluster', 'https://vault.gate.svc.cluster.local/'],
    ['a name without a dot', 'https://vault/'],
    ['a fragment', 'https://editor.example.com/#x'],
    ['user info', 'https://gate.example@evil.example/'],
    ['a wildcard', 'https://*.example.com/'],
    ['a backslash', 'https://editor.example.com\\@evil.example/'],
    ['script', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['a scheme that anybody may claim', 'editor:/callback'],
    ['something that is no text', 7],
  ])('[oauth:registration-redirect] may not be sent back to %s', (_name, uri) => {
    expect(foreignFault({ ...good, redirect_uris: [uri] })).toMatch(/^redirect_uris/);
  });

  it.each([
    ['keys in the private network', { jwks_uri: 'https://192.168.0.1/jwks' }],
    ['a logo over http', { logo_uri: 'http://editor.example.com/logo' }],
    ['a grant without people', { grant_types: ['client_credentials'] }],
    ['the implicit grant', { grant_types: ['implicit'] }],
    ['a long name', { client_name: 'x'.repeat(200) }],
    ['a secret in the body', { token_endpoint_auth_method: 'client_secret_post' }],
    ['no redirects', { redirect_uris: [] }],
    ['too many redirects', { redirect_uris: Array.from({ length: 17 }, (_, n) => `https://e.example.com/${n}`) }],
  ])('[oauth:registration] are refused with %s', (_name, metadata) => {
    expect(foreignFault({ ...good, ...metadata })).toEqual(expect.any(String));
  });

  it('[oauth:registration] have no say in what they may ask for', () => {
    expect(withoutScope('{"client_name":"x","scope":"mcp admin"}')).toBe('{"client_name":"x"}');
    for (const text of ['', '[1]', 'null', '{']) expect(withoutScope(text)).toBe(text);
  });
});
