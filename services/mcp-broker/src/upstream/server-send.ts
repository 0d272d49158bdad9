import { GatewayError } from '@sallyport/chassis/errors';
import { readChallenges, readScopes } from '@sallyport/chassis/http/challenge';
import type { Outbound, OutboundResponse } from '@sallyport/chassis/http/fetch';
import { serverHeaders } from '@sallyport/custom-resources/tool-server-transport';
import { lackingError, lackingOf, lacksPerson } from '@sallyport/peers/connecting';
import type { Credentials, Lease } from '@sallyport/peers/credentials';
import type { Server } from '../catalog/catalog.ts';
import { callScope } from './call-scope.ts';
import { credentialOf } from './server-credential.ts';

/** A tool may think for long before its first byte; the call's own time ends it (`callScope`). */
const HEADERS_MS = 3_700_000;

/** What a server's requests are made with. */
export interface SendOptions {
  readonly outbound: Outbound;
  readonly credentials: Pick<Credentials, 'lease' | 'drop'>;
}

/** One request to a tool server. */
export interface ServerRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Buffer | undefined;
  /** Signals that end it. */
  readonly signals: readonly AbortSignal[];
  /** It goes without the credential. */
  readonly bare?: boolean;
  /** Status 403 is an answer about this request; only where it says that a token lacks scopes it is about the credential. */
  readonly mayForbid?: boolean;
}

/**
 * Sends a request to a tool server. Throws GatewayError `upstream_credentials` where the server refuses the credential, and
 * where a person has to connect the server (anew) for it (`lackingOf`).
 */
export type ServerSend = (url: URL, request: ServerRequest) => Promise<OutboundResponse>;

/**
 * Sends over guarded, pooled connections, with the ToolServer's own headers and credential and nothing of the caller's. A
 * token that is refused is had anew, once.
 */
export function serverSend(server: Server, { outbound, credentials: leases }: SendOptions): ServerSend {
  const fixed = Object.entries(serverHeaders(server.spec)).map(([name, value]) => [name.toLowerCase(), value] as const);
  const credential = credentialOf(server);

  const attempt = (to: URL, { method, headers, body, signals }: ServerRequest, lease: Lease | undefined) => {
    let url = to;
    if (credential !== undefined && lease !== undefined && credential.parameter !== undefined) {
      url = withParameter(to, credential.parameter, lease.value);
    } else if (credential !== undefined && lease !== undefined) {
      headers[credential.header] = credential.scheme === '' ? lease.value : `${credential.scheme} ${lease.value}`;
    }
    return outbound.request(url, {
      method,
      headers,
      body,
      signal: signals.length > 1 ? AbortSignal.any([...signals]) : signals[0],
      headersMs: HEADERS_MS,
      bodyIdleMs: HEADERS_MS,
    });
  };

  return async (url, request) => {
    for (const [name, value] of fixed) request.headers[name] = value;
    const scope = callScope.getStore();
    // The credential is bound to the origin that it was granted for (DESIGN section 3).
    const { bare = false, mayForbid = false } = request;
    const isRefusal = (answer: OutboundResponse) =>
      answer.status === 401 ||
      (answer.status === 403 && (!mayForbid || (credential?.isToken === true && lackedScopes(answer).length > 0)));
    if (credential === undefined || bare || url.origin !== credential.use.origin || scope === undefined) {
      const answer = await attempt(url, request, undefined);
      if (isRefusal(answer) && !bare) throw await refused(answer);
      return answer;
    }
    const { use, isToken } = credential;
    const { principal } = scope;
    const leased = async (): Promise<Lease> => {
      const lease = await leases.lease(use, principal);
      scope.credential = lease.reference;
      return lease;
    };
    let unconnected: unknown;
    let lease = await leased().catch((error: unknown) => {
      // Some servers tell anybody what they offer, before anybody has connected them.
      if (scope.mayGoWithout !== true || (lackingOf(error) === undefined && !lacksPerson(error))) throw error;
      unconnected = error;
      return undefined;
    });
    let answer = await attempt(url, request, lease);
    if (answer.status === 401 && isToken && lease !== undefined) {
      await answer.discard();
      leases.drop(use, principal, lease.reference);
      const next = await leased();
      if (next.reference !== lease.reference) answer = await attempt(url, request, next);
      lease = next;
    }
    if (!isRefusal(answer)) return answer;
    const error = await refused(answer);
    if (lease === undefined) throw unconnected;
    if (!isToken) leases.drop(use, principal);
    // Scopes that the grant has already will not be had by asking for them again.
    const scopes = isToken && answer.status === 403 ? lackedScopes(answer) : [];
    const held = new Set(lease.scopes);
    if (scopes.some((one) => !held.has(one))) throw lackingError({ server: server.name, scopes });
    throw error;
  };
}

/** The URL with one more parameter, its query otherwise as it was written. */
function withParameter(url: URL, name: string, value: string): URL {
  if (url.searchParams.has(name)) {
    throw new GatewayError('invalid_request', 'An argument may not set the parameter that carries the credential.');
  }
  const begin = url.search === '' ? '?' : '&';
  return new URL(`${url.href}${begin}${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
}

async function refused(answer: OutboundResponse): Promise<GatewayError> {
  const { status } = answer;
  await answer.discard();
  return new GatewayError('upstream_credentials', 'The tool server refused the credential.', { details: { status } });
}

/** The scopes that a server says a token lacks (RFC 6750 §3.1). */
function lackedScopes({ headers }: OutboundResponse): string[] {
  const challenge = readChallenges(headers['www-authenticate']).find(({ scheme }) => scheme === 'bearer')?.params;
  return challenge?.get('error') === 'insufficient_scope' ? readScopes(challenge.get('scope')) : [];
}
