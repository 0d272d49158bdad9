import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { canonicalAddress, networksOf } from './networks.ts';

/** What of a request says where it comes from. */
export type AddressedRequest = Pick<IncomingMessage, 'headers'> & {
  readonly socket: { readonly remoteAddress?: string | undefined };
};

/** Tells the address of the client of a request, written in one way only; '' where it is not known. */
export type ClientAddress = (req: AddressedRequest) => string;

/** Config of who is believed about the addresses of clients. */
export const forwardingConfig = {
  /** Networks of the proxies before us, as CIDR. Only what they say of where a request comes from is believed. */
  trustedProxies: z
    .array(z.union([z.cidrv4(), z.cidrv6()], { error: 'must be a network such as 10.0.0.0/8' }))
    .max(256)
    .default([]),
  /** The header in which they say it. The other is not read: a proxy that knows one passes on what clients put in the other. */
  forwardedHeader: z.enum(['x-forwarded-for', 'forwarded']).default('x-forwarded-for'),
} as const;

/** Who is believed about the addresses of clients. */
export interface Forwarding {
  readonly trustedProxies: readonly string[];
  readonly forwardedHeader: 'x-forwarded-for' | 'forwarded';
}

// Longer chains are made by clients.
const MAX_HOPS = 32;
const MAX_HEADER = 4_096;

/**
 * The address of the socket, or where a trusted proxy is at its other end, the last hop named by one that is not itself a
 * trusted proxy: what stands to the left of it is the client's own word. Where a proxy names no address, there is none.
 */
export function clientAddress({ trustedProxies, forwardedHeader }: Forwarding): ClientAddress {
  const trusted = networksOf(trustedProxies);
  const hopsOf = forwardedHeader === 'forwarded' ? hopsOfForwarded : hopsOfForwardedFor;
  return ({ socket, headers }) => {
    let address = canonicalAddress(socket.remoteAddress ?? '') ?? '';
    const value = headers[forwardedHeader];
    if (value === undefined || !trusted(address)) return address;
    const hops = hopsOf(Array.isArray(value) ? value.join(',') : value);
    if (hops === undefined) return '';
    for (const hop of hops.reverse()) {
      address = canonicalAddress(hop) ?? '';
      if (!trusted(address)) break;
    }
    return address;
  };
}

function hopsOfForwardedFor(value: string): string[] | undefined {
  if (value.length > MAX_HEADER) return undefined;
  const hops = value.split(',');
  return hops.length > MAX_HOPS ? undefined : hops.map((hop) => nodeOf(hop.trim()));
}

// RFC 7239 §4: elements of `name=value` pairs, the value a token or a quoted string.
const PAIR = /\s*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)")\s*([;,]|$)/y;

function hopsOfForwarded(value: string): string[] | undefined {
  if (value.length > MAX_HEADER) return undefined;
  const hops = [''];
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < value.length) {
    const [, name, token, quoted, end] = PAIR.exec(value) ?? [];
    if (name === undefined) return undefined;
    if (name.toLowerCase() === 'for') {
      if (hops[hops.length - 1] !== '') return undefined;
      hops[hops.length - 1] = nodeOf(token ?? (quoted as string).replace(/\\(.)/g, '$1'));
    }
    if (end === ',') hops.push('');
    if (hops.length > MAX_HOPS) return undefined;
  }
  return hops;
}

/** A node without its port: `192.0.2.1:443`, `[2001:db8::1]:443`, or the address alone. */
function nodeOf(text: string): string {
  return /^\[([^[\]]+)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text;
}
