import { GatewayError } from '@sallyport/chassis/errors';
import type { Request } from 'express';
import type Provider from 'oidc-provider';
import type { Clients } from './clients.ts';
import { createIssuer, type IssuerOptions } from './issuer.ts';

/** The issuers of all tenants. */
export interface Issuers {
  readonly clients: Clients;
  /** `<public URL>/oauth/<tenant>`. */
  issuerOf(tenant: string): string;
  /** The issuer of a tenant, made at first use. Throws `not_found` for a tenant that has none. */
  of(tenant: string): Provider;
  /** URLs that the gateway is reached under for a tenant, the public one first. */
  bases(tenant: string): readonly string[];
  /** Makes a request say what our own URL is, whatever stands before us. */
  prepare(req: Request): void;
}

type PerTenant = 'providerOf' | 'isActive' | 'extraClaims';

/** What all issuers share. */
export interface IssuersOptions extends Omit<IssuerOptions, 'tenant' | 'issuer' | 'bases' | PerTenant> {
  readonly publicUrl: string;
  readonly defaultTenant: string;
  /** Further hosts, each with its tenant. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly providerOf: (tenant: string, user: string) => Promise<string>;
  readonly isActive: (tenant: string, user: string, sinceMs?: number) => Promise<boolean>;
  readonly extraClaims: (tenant: string) => IssuerOptions['extraClaims'];
  /** Adds what the library does not know, such as grants of our own. */
  readonly extend: (provider: Provider, tenant: string) => void;
}

const MAX_ISSUERS = 64;
const TENANT = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Makes issuers as they are asked for, and keeps those asked for last. They hold no state of their own. */
export function createIssuers(options: IssuersOptions): Issuers {
  const { publicUrl, hosts, defaultTenant, clients } = options;
  const { protocol, host } = new URL(publicUrl);
  const kept = new Map<string, Provider>();
  const served = (tenant: string) =>
    tenant === defaultTenant || Object.values(hosts).includes(tenant) || clients.serves(tenant);
  const bases = (tenant: string) => [
    publicUrl,
    ...Object.entries(hosts).flatMap(([name, of]) => (of === tenant ? [`${protocol}//${name}`] : [])),
  ];
  const issuerOf = (tenant: string) => `${publicUrl}/oauth/${tenant}`;
  return {
    clients,
    issuerOf,
    bases,
    of(tenant) {
      if (!TENANT.test(tenant) || !served(tenant)) {
        throw new GatewayError('not_found', 'There is no authorization server of this name.');
      }
      let provider = kept.get(tenant);
      if (provider === undefined) {
        provider = createIssuer({
          ...options,
          tenant,
          issuer: issuerOf(tenant),
          bases: bases(tenant),
          providerOf: (user) => options.providerOf(tenant, user),
          isActive: (user, sinceMs) => options.isActive(tenant, user, sinceMs),
          extraClaims: options.extraClaims(tenant),
        });
        options.extend(provider, tenant);
      }
      kept.delete(tenant);
      kept.set(tenant, provider);
      if (kept.size > MAX_ISSUERS) kept.delete(kept.keys().next().value as string);
      return provider;
    },
    prepare(req) {
      // Issuers and cookies follow our public URL, never what a request claims of its way here.
      req.headers['x-forwarded-proto'] = protocol.slice(0, -1);
      req.headers['x-forwarded-host'] = host;
      req.headers.host = host;
    },
  };
}
