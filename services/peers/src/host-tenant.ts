/** Which tenant a host is for: its own, else the default. */
export interface HostTenants {
  readonly defaultTenant: string;
  /** Further hosts in lower case, each with its tenant. */
  readonly hosts: Readonly<Record<string, string>>;
}

/** The tenant that a host is for, as requests name it, with its port; undefined: the host has none of its own. */
export function ownTenantOf(hosts: HostTenants['hosts'], host: string): string | undefined {
  const name = host.toLowerCase();
  return Object.hasOwn(hosts, name) ? hosts[name] : undefined;
}

/** The tenant that a host is for, or the default one. */
export function tenantOfHost({ defaultTenant, hosts }: HostTenants, host: string): string {
  return ownTenantOf(hosts, host) ?? defaultTenant;
}
