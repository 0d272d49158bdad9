import type { AddressedRequest, Forwarding } from './client-address.ts';
import { networksOf } from './networks.ts';

/** Where a client reached us, as the request says. */
export interface ReachedAt {
  /** Host with its port, as written; '' where none is named. */
  readonly host: string;
  readonly encrypted: boolean;
}

/** Tells where the client of a request reached us. */
export type ClientHost = (req: AddressedRequest) => ReachedAt;

/**
 * The `Host` and the socket of a request, or what a trusted proxy says of them in `x-forwarded-host` and `-proto`. Anybody
 * else could have links and challenges name a host of their own.
 */
export function clientHost({ trustedProxies, forwardedHeader }: Forwarding): ClientHost {
  const trusted = networksOf(trustedProxies);
  // A proxy that writes `Forwarded` passes on what clients put in the others.
  const believes = trustedProxies.length > 0 && forwardedHeader === 'x-forwarded-for';
  return ({ socket, headers }) => {
    const said = (name: string) => firstOf(believes && trusted(socket.remoteAddress ?? '') ? headers[name] : undefined);
    const scheme = said('x-forwarded-proto');
    return {
      host: said('x-forwarded-host') || (headers.host ?? ''),
      encrypted: scheme === '' ? 'encrypted' in socket : scheme === 'https',
    };
  };
}

function firstOf(value: string | string[] | undefined): string {
  const text = (Array.isArray(value) ? value[0] : value) ?? '';
  return (text.split(',')[0] ?? '').trim();
}
