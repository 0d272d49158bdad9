import { GatewayError } from '@sallyport/chassis/errors';
import * as oauth from 'oauth4webapi';
import { away, codeWord, saysAway } from './answers.ts';
import type { OAuthHttp } from './http.ts';
import { privateKeyJwt } from './private-key-jwt.ts';

/** A client at an authorization server, as it is kept sealed. */
export interface OAuthClient {
  readonly clientId: string;
  readonly secret?: string | undefined;
  /** How it proves itself; default by what the server takes. */
  readonly method?: string | undefined;
}

/** Tokens as an authorization server gave them. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken?: string | undefined;
  readonly idToken?: string | undefined;
  /** Epoch ms; undefined: it does not say. */
  readonly expiresAtMs?: number | undefined;
  /** Undefined: those that were asked for (RFC 6749 §5.1). */
  readonly scopes?: readonly string[] | undefined;
}

/** Options that oauth4webapi makes a request to a server with. */
export function requestOptions(http: Pick<OAuthHttp, 'fetchFor'>, allowPrivate: boolean) {
  const fetch = http.fetchFor(allowPrivate);
  return {
    [oauth.customFetch]: (url: string, init: object) => fetch(url, init as never),
    [oauth.allowInsecureRequests]: allowPrivate,
  };
}

/** How a client proves itself: with its secret or key as the server takes it (RFC 8414, default Basic), or not at all. */
export function authenticationOf(as: oauth.AuthorizationServer, client: OAuthClient): oauth.ClientAuth {
  if (client.secret === undefined || client.method === 'none') return oauth.None();
  if (client.method === 'private_key_jwt') return privateKeyJwt(client.secret);
  const methods = as.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const post = client.method === 'client_secret_post' || !methods.includes('client_secret_basic');
  return post && client.method !== 'client_secret_basic' ? oauth.ClientSecretPost(client.secret) : basic(client.secret);
}

/**
 * Basic authentication of a client, RFC 6749 §2.3.1. Of what its encoding may leave as it is, it does: many servers never
 * decode, and those that do find the same.
 */
function basic(secret: string): oauth.ClientAuth {
  const encoded = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
  return (_as, client, _body, headers) => {
    const pair = Buffer.from(`${encoded(client.client_id)}:${encoded(secret)}`).toString('base64');
    headers.set('authorization', `Basic ${pair}`);
  };
}

/**
 * Reads what a token endpoint said. Throws `upstream_credentials` with `details.oauth` its error code where it refuses,
 * `upstream_invalid` for an answer that is none, `unavailable` where it fails.
 */
export async function readTokens(
  answer: Promise<Response>,
  process: (response: Response) => Promise<oauth.TokenEndpointResponse>,
): Promise<Tokens> {
  let response: Response;
  try {
    response = await answer;
  } catch (cause) {
    throw cause instanceof GatewayError ? cause : away(cause);
  }
  if (response.status >= 500 || response.status === 429) throw away();
  let said: oauth.TokenEndpointResponse;
  try {
    said = await process(response);
  } catch (error) {
    throw refusal(error);
  }
  if (said.token_type !== 'bearer')
    throw new GatewayError('upstream_invalid', 'The token is of a type that is not known.');
  const { expires_in: seconds } = said;
  return {
    accessToken: said.access_token,
    refreshToken: said.refresh_token,
    idToken: said.id_token,
    expiresAtMs: seconds === undefined ? undefined : Date.now() + seconds * 1000,
    scopes: said.scope === undefined ? undefined : said.scope.split(' ').filter((scope) => scope !== ''),
  };
}

/** The words of an authorization server stay in `cause`: they are a stranger's. */
export function refusal(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof oauth.ResponseBodyError) {
    const code = codeWord(error.error) ?? 'unknown';
    if (saysAway(code)) return away(error);
    return new GatewayError('upstream_credentials', 'The authorization server refused.', {
      cause: error,
      details: { oauth: code },
    });
  }
  if (error instanceof oauth.WWWAuthenticateChallengeError) {
    return new GatewayError('upstream_credentials', 'The authorization server refused the client.', {
      cause: error,
      details: { oauth: 'invalid_client' },
    });
  }
  return new GatewayError('upstream_invalid', 'The authorization server does not answer as it must.', { cause: error });
}

/** Tells whether an authorization server does not know the client, or not by its secret. */
export function isUnknownClient(error: unknown): boolean {
  return error instanceof GatewayError && error.details?.oauth === 'invalid_client';
}
