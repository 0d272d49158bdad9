import { GatewayError } from '@sallyport/chassis/errors';
import { readChallenges, readScopes } from '@sallyport/chassis/http/challenge';
import type * as oauth from 'oauth4webapi';
import { bareIssuer, objectOf } from './answers.ts';
import type { AuthSpec } from './auth-spec.ts';
import type { OAuthHttp } from './http.ts';

/** A tool server whose tokens are wanted. */
export interface ProtectedServer {
  readonly url: string;
  readonly allowPrivate: boolean;
  readonly auth: AuthSpec;
}

/** Where tokens for a tool server come from. */
export interface Discovered {
  readonly as: oauth.AuthorizationServer;
  /** What tokens are asked for (RFC 8707). */
  readonly resource: string;
  /** Scopes that the server itself asks for; empty: it does not say. */
  readonly scopes: readonly string[];
}

const KEPT_MS = 10 * 60_000;
const MAX_KEPT = 500;

/** Finds authorization servers and remembers them for a while; `anew` looks again, for who begins something with them. */
export type Discovery = (server: ProtectedServer, anew?: boolean) => Promise<Discovered>;

/** Makes it. Rejects with `upstream_invalid` for metadata that is not as it must be, `upstream_error` where there is none. */
export function createDiscovery(http: Pick<OAuthHttp, 'fetchFor'>, now: () => number = Date.now): Discovery {
  const kept = new Map<string, { readonly found: Discovered; readonly untilMs: number }>();
  return async (server, anew = false) => {
    const key = JSON.stringify([server.url, server.allowPrivate, server.auth.issuer, server.auth.resource]);
    const held = kept.get(key);
    if (!anew && held !== undefined && now() < held.untilMs) return held.found;
    const found = await discover(server, http.fetchFor(server.allowPrivate));
    const oldest = kept.size >= MAX_KEPT ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
    kept.set(key, { found, untilMs: now() + KEPT_MS });
    return found;
  };
}

type Fetch = ReturnType<OAuthHttp['fetchFor']>;

async function discover(server: ProtectedServer, fetch: Fetch): Promise<Discovered> {
  const { auth } = server;
  if (auth.issuer !== undefined) {
    const as = await metadataOf(auth.issuer, fetch, server.allowPrivate);
    return { as, resource: auth.resource ?? canonical(server.url), scopes: auth.scopes };
  }
  const challenge = await challengeOf(server.url, fetch);
  const resource = await protectedResource(server.url, challenge?.get('resource_metadata'), fetch);
  // Before RFC 9728 the tool server was its own authorization server (MCP 2025-03-26).
  const issuer = resource?.authorization_servers?.[0] ?? new URL(server.url).origin;
  const as = await metadataOf(issuer, fetch, server.allowPrivate);
  const asked = readScopes(challenge?.get('scope'));
  return {
    as,
    resource: auth.resource ?? resource?.resource ?? canonical(server.url),
    scopes: asked.length > 0 ? asked : readScopes(resource?.scopes_supported?.join(' ')),
  };
}

/** What a server says to who comes without a token. */
async function challengeOf(url: string, fetch: Fetch): Promise<ReadonlyMap<string, string> | undefined> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
  });
  if (answer.status !== 401) return undefined;
  const header = answer.headers.get('www-authenticate') ?? undefined;
  return readChallenges(header).find(({ scheme }) => scheme === 'bearer')?.params;
}

async function protectedResource(
  serverUrl: string,
  named: string | undefined,
  fetch: Fetch,
): Promise<oauth.ResourceServer | undefined> {
  const { origin, pathname } = new URL(serverUrl);
  const wellKnown = `${origin}/.well-known/oauth-protected-resource`;
  const places = named !== undefined ? [named] : [`${wellKnown}${pathname === '/' ? '' : pathname}`, wellKnown];
  for (const place of new Set(places)) {
    const answer = await fetch(place, { headers: { accept: 'application/json' } });
    if (answer.status !== 200) continue;
    const metadata = (await jsonOf(answer)) as oauth.ResourceServer;
    // RFC 9728 §3.3: metadata of another resource is a server that poses as it.
    if (typeof metadata.resource !== 'string' || !covers(metadata.resource, serverUrl)) {
      throw invalid('The protected-resource metadata is about another resource.');
    }
    return metadata;
  }
  if (named !== undefined) throw invalid('The protected-resource metadata that the server names is not there.');
  return undefined;
}

/** Whether a resource is this URL or lies above it on the same origin. */
function covers(resource: string, serverUrl: string): boolean {
  if (!URL.canParse(resource)) return false;
  const [outer, inner] = [new URL(resource), new URL(serverUrl)];
  const path = outer.pathname.replace(/\/$/, '');
  return outer.origin === inner.origin && (inner.pathname === path || inner.pathname.startsWith(`${path}/`));
}

/** Authorization server metadata (RFC 8414, then both forms of OpenID Connect), whose issuer must be the one asked for. */
async function metadataOf(issuer: string, fetch: Fetch, insecure: boolean): Promise<oauth.AuthorizationServer> {
  if (!URL.canParse(issuer)) throw invalid('The issuer is not a URL.');
  const url = new URL(issuer);
  const path = url.pathname.replace(/\/$/, '');
  const places = [
    `${url.origin}/.well-known/oauth-authorization-server${path}`,
    `${url.origin}/.well-known/openid-configuration${path}`,
    `${url.origin}${path}/.well-known/openid-configuration`,
  ];
  for (const place of new Set(places)) {
    const answer = await fetch(place, { headers: { accept: 'application/json' } });
    if (answer.status !== 200) continue;
    const as = (await jsonOf(answer)) as unknown as oauth.AuthorizationServer;
    // By plain text, RFC 8414 §3.3; the one difference taken is a slash at the end of a bare origin.
    if (as.issuer !== issuer && !(url.pathname === '/' && bareIssuer(as.issuer) === bareIssuer(issuer))) {
      throw invalid('The authorization server names another issuer.');
    }
    for (const name of ['authorization_endpoint', 'token_endpoint', 'registration_endpoint', 'revocation_endpoint']) {
      const endpoint = as[name];
      if (endpoint !== undefined && !isEndpoint(endpoint, insecure)) throw invalid(`Its ${name} is not a https URL.`);
    }
    return as;
  }
  throw new GatewayError('upstream_error', 'The authorization server has no metadata.');
}

function isEndpoint(endpoint: unknown, insecure: boolean): boolean {
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return false;
  const { protocol } = new URL(endpoint);
  return protocol === 'https:' || (insecure && protocol === 'http:');
}

/** A server's URL as an audience: without a slash at the end of a bare origin, and without a fragment. */
function canonical(url: string): string {
  const { origin, pathname, search } = new URL(url);
  return `${origin}${pathname === '/' ? '' : pathname}${search}`;
}

async function jsonOf(answer: Response): Promise<Record<string, unknown>> {
  const metadata = objectOf(await answer.text());
  if (metadata === undefined) throw invalid('Metadata is not JSON.');
  return metadata;
}

function invalid(message: string): GatewayError {
  return new GatewayError('upstream_invalid', message);
}
