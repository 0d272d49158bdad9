import type { LeaseToken } from '../leasing.ts';
import { createClients } from './clients.ts';
import { type ConnectionOptions, type Connections, createConnections } from './connections.ts';
import { createDiscovery, type Discovery } from './discovery.ts';
import { createGrantLeases, type LeaseGrant } from './grant-leases.ts';

/** This service as an OAuth client. */
export interface OAuth {
  readonly connections: Connections;
  readonly leaseToken: LeaseToken;
  readonly leaseGrant: LeaseGrant;
  /** Its memory is shared: who delegates asks the same servers. */
  readonly discovery: Discovery;
}

/** Puts its parts together. */
export function createOAuth(
  options: Omit<ConnectionOptions, 'discovery' | 'clients'> & { readonly publicUrl: string | undefined },
): OAuth {
  const { publicUrl } = options;
  const discovery = createDiscovery(options.http);
  const clients = createClients({ publicUrl }, options);
  const leaseGrant = createGrantLeases({ ...options, clients });
  return {
    leaseGrant,
    discovery,
    connections: createConnections({ ...options, discovery, clients }),
    leaseToken: (tenant, grant, { principal, refused = '' }) => leaseGrant(tenant, grant, principal, refused),
  };
}
