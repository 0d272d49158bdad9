import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { GatewayError } from '../errors.ts';

/** Which URLs a process may call. */
export interface GuardOptions {
  /** Loopback, private and carrier-grade NAT addresses are fine for every host. */
  readonly allowPrivate?: boolean;
  /** Hosts (`name` or `*.suffix`) that may have such addresses although others may not. */
  readonly allowHosts?: readonly string[];
  /** http:// besides https://. */
  readonly allowHttp?: boolean;
  /** How names are resolved; for tests. */
  readonly lookup?: (
    host: string,
    options: LookupOptions & { all: true },
    done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
  ) => void;
}

/** The one gate for URLs that a person, server or document supplied. */
export interface UrlGuard {
  /** The parsed URL; throws `permission_denied` for a scheme, host, literal address or user info not allowed. */
  check(url: string | URL): URL;
  /** Resolves a name and refuses it when any of its addresses is not allowed: what is checked is what is connected to. */
  readonly lookup: LookupFunction;
}

// Reachable in no case: they hand out credentials of the machine (AWS, GCP, Azure, Alibaba, Oracle, AWS over IPv6).
const METADATA = new Set(['169.254.169.254', '169.254.170.2', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254']);
const METADATA_HOSTS = new Set(['metadata.google.internal', 'metadata.goog', 'instance-data']);
const PRIVATE_RANGES = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']);

/** Makes a guard. Link-local, multicast, unspecified, translated (6to4, NAT64, Teredo) and metadata are never allowed. */
export function urlGuard(options: GuardOptions = {}): UrlGuard {
  const resolve = options.lookup ?? systemLookup;
  const exempt = (options.allowHosts ?? []).map((host) => host.toLowerCase());
  const mayBePrivate = (host: string) =>
    options.allowPrivate === true ||
    exempt.some((entry) => (entry.startsWith('*.') ? host.endsWith(entry.slice(1)) : host === entry));
  return {
    check(input) {
      const url = typeof input === 'string' ? parseUrl(input) : input;
      if (url.protocol !== 'https:' && !(url.protocol === 'http:' && options.allowHttp === true)) {
        throw refused(`URLs of scheme ${url.protocol} are not called.`, url.hostname);
      }
      if (url.username !== '' || url.password !== '')
        throw refused('URLs with user info are not called.', url.hostname);
      const host = hostOf(url);
      if (host === '' || METADATA_HOSTS.has(host)) throw refused('This host is not called.', host);
      if (ipaddr.isValid(host)) checkAddress(host, host, mayBePrivate(host));
      return url;
    },
    lookup(hostname, lookupOptions, done) {
      const host = hostname.toLowerCase().replace(/\.$/, '');
      resolve(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
        if (error !== null) return done(error, '', 0);
        try {
          for (const { address } of addresses) checkAddress(address, host, mayBePrivate(host));
        } catch (refusal) {
          return done(refusal as Error, '', 0);
        }
        if (lookupOptions.all === true) return done(null, addresses);
        const first = addresses[0];
        if (first === undefined) return done(new Error('the name has no address'), '', 0);
        done(null, first.address, first.family);
      });
    },
  };
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new GatewayError('invalid_request', 'This is not a URL.');
  }
}

/** Host name in lower case, without brackets or the final dot, which would hide it from lists. */
function hostOf(url: URL): string {
  return url.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

function checkAddress(text: string, host: string, mayBePrivate: boolean): void {
  // IPv4 inside IPv6 (::ffff:10.0.0.1) is judged as the IPv4 address that it reaches.
  const address = ipaddr.process(text);
  const range = address.range();
  if (METADATA.has(address.toString())) throw refused('Metadata addresses are not called.', host);
  if (range === 'unicast' || (mayBePrivate && PRIVATE_RANGES.has(range))) return;
  throw refused(`Addresses of kind ${range} are not called.`, host);
}

function refused(message: string, host: string): GatewayError {
  return new GatewayError('permission_denied', message, { details: { host } });
}
