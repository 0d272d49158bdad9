import type { IncomingMessage } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import { type AddressedRequest, clientAddress, type Forwarding } from '@sallyport/chassis/net/client-address';
import { clientHost, type ReachedAt } from '@sallyport/chassis/net/client-host';
import { createEdges, type EdgeConfig, type EdgeIdentity, type EdgeRequest } from './edges.ts';

/** What of a request is looked at to find its credential. */
export type IngressRequest = Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'url'>;

/** What a request presents of who it is. */
export interface Credential {
  /** Empty where an edge vouches. */
  readonly secret: string;
  readonly edge?: EdgeIdentity;
  /** Address of the client, worked out when it is asked for; '' where it is not known. */
  address(): string;
}

/** What identity is asked of a credential. */
export interface Question {
  readonly secret: string;
  readonly endpoint: string;
  readonly address: string;
  readonly edge?: EdgeIdentity;
}

/** What to ask identity of a credential that is presented at an endpoint. */
export function questionOf({ secret, edge, address }: Credential, endpoint: string): Question {
  return { secret, endpoint, address: address(), ...(edge && { edge }) };
}

/** Reads the credentials of requests as the config of an ingress says. */
export interface Ingress {
  /** Throws as `secretOf` and `Edges.identityOf`, and `invalid_request` for a secret beside what an edge says. */
  credentialOf(req: IngressRequest & AddressedRequest & EdgeRequest): Credential;
  /** Address of the client of a request that presents its credential in another way; '' where it is not known. */
  addressOf(req: AddressedRequest): string;
  /** Where the client of a request reached us. */
  reachedAt(req: AddressedRequest): ReachedAt;
}

/**
 * Makes the one reader of credentials of an ingress. `ownQueries` are names in its URLs that mean something else there, such as
 * `key`, the id by which the admin API tells usage.
 */
export function createIngress(
  config: Forwarding & { readonly edge?: EdgeConfig | undefined },
  told: { readonly log: Logger; readonly metrics: Metrics },
  ownQueries: readonly string[] = [],
): Ingress {
  const addressOf = clientAddress(config);
  const edges = createEdges({ config: config.edge, ...told });
  return {
    credentialOf(req) {
      const address = () => addressOf(req);
      const edge = edges.identityOf(req);
      if (edge === undefined) return { secret: secretOf(req, ownQueries), address };
      refuseQuery(req.url, ownQueries);
      if (counted(req.rawHeaders) > 0) throw several();
      return { secret: '', edge, address };
    },
    addressOf,
    reachedAt: clientHost(config),
  };
}

const NAMES = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const;
const LENGTHS: ReadonlySet<number> = new Set(NAMES.map((name) => name.length));
const NAME_SET: ReadonlySet<string> = new Set(NAMES);
// As identity bounds tokens: what is longer can be nothing.
const MAX_SECRET = 12_288;
const BEARER = /^bearer +([\x21-\x7e]+)$/i;
const VISIBLE = /^[\x21-\x7e]+$/;
// Names that clients of other gateways and of Google's own API put credentials under.
const QUERY_NAMES = new Set(['access_token', 'api_key', 'apikey', 'api-key', 'x-api-key', 'key']);

/**
 * The one credential of a request: `Authorization: Bearer`, `x-api-key` (Anthropic), `api-key` (Azure) or `x-goog-api-key`
 * (Gemini). Throws `unauthenticated` where that is none, and `invalid_request` where there are several or one stands in the
 * URL, but for names that are the ingress's own. Cookies are none: a browser sends them for whoever asks it to.
 */
export function secretOf(req: IngressRequest, ownQueries: readonly string[] = []): string {
  refuseQuery(req.url, ownQueries);
  const { headers } = req;
  let present = 0;
  let found: string | undefined;
  // A bearer's characters were looked at as it was read.
  let isOther = false;
  for (const name of NAMES) {
    const value = headers[name];
    if (value === undefined) continue;
    present += 1;
    const isBearer = name === 'authorization';
    const secret = isBearer ? bearerIn(String(value)) : String(value).trim();
    if (!isBearer) isOther = true;
    if (secret === '') continue;
    if (found !== undefined && found !== secret) throw several();
    found = secret;
  }
  if (found === undefined) {
    throw new GatewayError('unauthenticated', 'A key is needed: Authorization: Bearer, or x-api-key.');
  }
  // Node keeps the first of two Authorization headers and joins others; whoever is behind us may see the second.
  if (counted(req.rawHeaders) > present) throw several();
  if (found.length > MAX_SECRET || (isOther && !VISIBLE.test(found))) {
    throw new GatewayError('unauthenticated', 'The credential is not valid.');
  }
  return found;
}

/** Value of `WWW-Authenticate` beside a 401 (RFC 6750 §3, RFC 9728 §5.1); `resourceMetadata` is the URL of the metadata. */
export function challengeOf({ headers }: Pick<IngressRequest, 'headers'>, resourceMetadata?: string): string {
  const parameters = [
    'realm="sallyport"',
    ...(NAMES.some((name) => headers[name] !== undefined) ? ['error="invalid_token"'] : []),
    ...(resourceMetadata === undefined ? [] : [`resource_metadata="${resourceMetadata}"`]),
  ];
  return `Bearer ${parameters.join(', ')}`;
}

function bearerIn(authorization: string): string {
  const secret = BEARER.exec(authorization.trim())?.[1];
  if (secret !== undefined) return secret;
  throw new GatewayError('unauthenticated', 'The Authorization header must carry a bearer credential.');
}

/** How many headers carry a credential, each of several of one name counted. */
function counted(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    // Most names are told apart by their length alone, which costs nothing.
    if (LENGTHS.has(name.length) && NAME_SET.has(name.toLowerCase())) count += 1;
  }
  return count;
}

function several(): GatewayError {
  return new GatewayError('invalid_request', 'The request carries several credentials; send one.');
}

// URLs are written to logs of every hop and into Referer (RFC 6750 §5.3). Google takes `?key=`; we ask for its header.
function refuseQuery(url: string | undefined, own: readonly string[]): void {
  const at = url?.indexOf('?') ?? -1;
  if (at < 0) return;
  for (const name of new URLSearchParams((url as string).slice(at + 1)).keys()) {
    if (QUERY_NAMES.has(name.toLowerCase()) && !own.includes(name)) {
      throw new GatewayError(
        'invalid_request',
        'Credentials do not belong in the URL: send a header, and replace this one.',
      );
    }
  }
}
