import { asGatewayError } from '@sallyport/chassis/errors';
import * as oauth from 'oauth4webapi';
import { away } from '../oauth/answers.ts';
import type { KnownServer } from '../oauth/grant-seal.ts';
import { authenticationOf, type OAuthClient, requestOptions } from '../oauth/token-call.ts';
import type { DelegationSources } from './adapter.ts';
import type { AnswerWanted } from './answer-guards.ts';
import { GUARDS } from './guards.ts';
import { type GivenToken, readAnswer } from './token-answer.ts';

/** Prefix of token types (RFC 8693 §3). */
export const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
/** Grant of RFC 8693. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** Grant of RFC 7523. */
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const KEPT = new Set<string>(['upstream_invalid', 'upstream_credentials', 'permission_denied']);

/** Where a token is asked for, and as whom. */
export interface TokenEndpoint {
  readonly as: KnownServer;
  readonly client: OAuthClient;
  readonly allowPrivate: boolean;
}

/** Asks a token endpoint. Parameters that are undefined or empty are left out. Throws as `readAnswer` does. */
export async function requestToken(
  { http, guards = GUARDS }: Pick<DelegationSources, 'http' | 'guards'>,
  { as, client, allowPrivate }: TokenEndpoint,
  grantType: string,
  parameters: Readonly<Record<string, string | undefined>>,
  wanted: AnswerWanted,
): Promise<GivenToken> {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]));
  let response: Response;
  try {
    response = await oauth.genericTokenEndpointRequest(
      as,
      { client_id: client.clientId },
      authenticationOf(as, client),
      grantType,
      given,
      requestOptions(http, allowPrivate),
    );
  } catch (error) {
    const known = asGatewayError(error);
    // What came was too large, or the URL or our own secret cannot be used; everything else did not come.
    throw KEPT.has(known.code) ? known : away(error);
  }
  return await readAnswer(response, wanted, guards.answer);
}
