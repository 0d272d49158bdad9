import { describe, expect, it } from '@jest/globals';
import { resourceMetadata } from './resource-metadata.ts';

const oauth = { defaultTenant: 'default', hosts: { 'acme.example': 'acme' } };
const known = { publicUrl: 'https://gw.example', authorizationServers: undefined, oauth };

describe('protected-resource metadata', () => {
  it.each([
    ['the default tenant', known, 'https://gw.example/mcp', ['https://gw.example/oauth/default']],
    ['the tenant of a host', known, 'https://acme.example/mcp', ['https://gw.example/oauth/acme']],
    ['nobody while the public URL is unknown', { ...known, publicUrl: undefined }, 'http://gw/mcp', []],
    ['who is configured', { ...known, authorizationServers: ['https://id'] }, 'https://gw.example/mcp', ['https://id']],
  ])('[oauth:resource-metadata] names the issuer of %s', (_name, config, resource, issuers) => {
    expect(resourceMetadata(config, resource)).toMatchObject({ resource, authorization_servers: issuers });
  });
});
