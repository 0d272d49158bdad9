import { describe, expect, it } from '@jest/globals';
import { tenantOfHost } from './host-tenant.ts';

describe('the tenant of a host', () => {
  const oauth = { defaultTenant: 'default', hosts: { 'acme.example:8443': 'acme' } };

  it.each([
    ['acme.example:8443', 'acme'],
    ['ACME.example:8443', 'acme'],
    ['acme.example', 'default'],
    ['constructor', 'default'],
    ['', 'default'],
  ])('[oauth:host-tenant] %s is for %s', (host, tenant) => expect(tenantOfHost(oauth, host)).toBe(tenant));
});
