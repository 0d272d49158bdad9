import { urlGuard } from '@sallyport/chassis/net/guard';
import type { ClientSpec } from '@sallyport/custom-resources';

/** Metadata of a client as RFC 7591 names them. */
export type ClientMetadata = Readonly<Record<string, unknown>>;

/** The grant of RFC 8693. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

const GRANTS = {
  AuthorizationCode: 'authorization_code',
  RefreshToken: 'refresh_token',
  ClientCredentials: 'client_credentials',
  TokenExchange: TOKEN_EXCHANGE,
} as const;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const INSIDE = /(^|\.)(localhost|local|internal|lan|home|corp|test|invalid|arpa)$/;
const PRIVATE_SCHEME = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/;
const URLS = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri', 'jwks_uri'];
const FOREIGN_GRANTS: readonly unknown[] = ['authorization_code', 'refresh_token'];
const FOREIGN_AUTHENTICATION: readonly unknown[] = ['none', 'client_secret_basic', 'private_key_jwt'];
const MAX_REDIRECTS = 16;
const MAX_URL = 2048;
const MAX_NAME = 128;
const guard = urlGuard();

/** The metadata of a client that a resource declares; `secret` where it authenticates by one. */
export function declaredMetadata(id: string, spec: ClientSpec, secret: string | undefined): ClientMetadata {
  return {
    client_id: id,
    client_name: spec.displayName ?? id,
    application_type: applicationType(spec.redirectURIs),
    redirect_uris: spec.redirectURIs,
    grant_types: spec.grants.map((grant) => GRANTS[grant]),
    response_types: spec.grants.includes('AuthorizationCode') ? ['code'] : [],
    token_endpoint_auth_method: spec.authentication,
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(spec.jwks === undefined ? {} : { jwks: JSON.parse(spec.jwks) as unknown }),
    ...(spec.jwksURL === undefined ? {} : { jwks_uri: spec.jwksURL }),
  };
}

/** Native clients may choose the port of a loopback address, and are asked for consent each time (RFC 8252 §7.3, §8.6). */
export function applicationType(redirectUris: readonly string[]): 'native' | 'web' {
  const own = redirectUris.some((uri) => !uri.startsWith('https:'));
  return own ? 'native' : 'web';
}

/**
 * What is wrong with the metadata of a client that nobody here declared, as a sentence that begins with the field; undefined:
 * nothing. Redirects lead to https hosts of the internet, to loopback, or to an application's own scheme.
 */
export function foreignFault(metadata: ClientMetadata): string | undefined {
  const uris = metadata.redirect_uris;
  if (!Array.isArray(uris) || uris.length === 0 || uris.length > MAX_REDIRECTS) {
    return `redirect_uris must hold 1 to ${MAX_REDIRECTS} URIs`;
  }
  for (const uri of uris as unknown[]) {
    const fault = redirectFault(uri);
    if (fault !== undefined) return `redirect_uris ${fault}`;
  }
  for (const field of URLS) {
    const url = metadata[field];
    if (url !== undefined && (typeof url !== 'string' || !isPublicHttps(url))) {
      return `${field} must be an https URL of the internet`;
    }
  }
  const { client_name: name, grant_types: grants = ['authorization_code'] } = metadata;
  if (name !== undefined && (typeof name !== 'string' || name.length > MAX_NAME)) {
    return `client_name must be text of at most ${MAX_NAME} characters`;
  }
  if (!Array.isArray(grants) || grants.some((grant) => !FOREIGN_GRANTS.includes(grant))) {
    return 'grant_types may hold authorization_code and refresh_token';
  }
  if (!FOREIGN_AUTHENTICATION.includes(metadata.token_endpoint_auth_method ?? 'client_secret_basic')) {
    return `token_endpoint_auth_method must be one of ${FOREIGN_AUTHENTICATION.join(', ')}`;
  }
  if (metadata.sector_identifier_uri !== undefined) return 'sector_identifier_uri is not supported';
  return undefined;
}

/** What is wrong with a redirect URI; undefined: nothing. */
function redirectFault(uri: unknown): string | undefined {
  if (typeof uri !== 'string' || uri.length > MAX_URL || /[\s\\#*]/.test(uri)) {
    return 'must hold plain absolute URIs without fragment or wildcard';
  }
  const url = URL.parse(uri);
  if (url === null || url.username !== '' || url.password !== '') return 'must hold absolute URIs without user info';
  if (url.protocol === 'http:')
    return LOOPBACK.has(url.hostname) ? undefined : 'may be http at loopback addresses only';
  if (url.protocol === 'https:') return isPublicHttps(uri) ? undefined : 'must lead to hosts of the internet';
  return PRIVATE_SCHEME.test(url.protocol)
    ? undefined
    : 'may have a scheme of a native application only, such as com.example.app:/';
}

/** An https URL whose host is no address of a private network and no name that only such networks know. */
export function isPublicHttps(text: string): boolean {
  const url = text.length > MAX_URL ? null : URL.parse(text);
  if (url === null || url.protocol !== 'https:') return false;
  const host = url.hostname.replace(/\.$/, '');
  if (!host.startsWith('[') && (!host.includes('.') || INSIDE.test(host))) return false;
  try {
    guard.check(url);
    return true;
  } catch {
    return false;
  }
}

/**
 * Metadata in JSON without the scopes that a client says it will ask for: the library knows only its own, and what a client
 * may have is not for it to say. Text that holds no object stays as it is.
 */
export function withoutScope(text: string): string {
  let metadata: unknown;
  try {
    metadata = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return text;
  const { scope: _scope, ...rest } = metadata as Record<string, unknown>;
  return JSON.stringify(rest);
}
