import { isIP } from 'node:net';
import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { HostingService } from '@sallyport/proto/hosting/v1/hosting_pb';
import type { AtAddress } from './backend/cluster.ts';

/** Who may call what. */
export const CALLERS: Record<string, string[]> = {
  'sallyport.hosting.v1.HostingService/AtAddress': ['egress-proxy'],
};

/** HostingService: whose pod is at an address. */
export function hostingService(atAddress: AtAddress): ServiceImpl<typeof HostingService> {
  return {
    async atAddress({ address, tenant }) {
      if (isIP(address) === 0) throw new GatewayError('invalid_request', 'This is no address.');
      if (!/^[a-z0-9-]{1,63}$/.test(tenant)) throw new GatewayError('invalid_request', 'This is no namespace.');
      return (await atAddress(address, tenant)) ?? {};
    },
  };
}
