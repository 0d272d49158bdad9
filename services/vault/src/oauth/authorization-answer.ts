import { GatewayError } from '@sallyport/chassis/errors';
import * as oauth from 'oauth4webapi';
import { codeWord } from './answers.ts';
import type { OAuthClient } from './token-call.ts';

/** What an authorization server said to a person's browser; empty for what it did not say. */
export interface Answer {
  readonly state: string;
  readonly code: string;
  readonly issuer: string;
  readonly error: string;
  /** What stands behind the path that the browser came to (`callbackOf`). */
  readonly callback: string;
}

/**
 * The checks of an authorization response: `state` was looked up, `iss` is compared as RFC 9207 §2.4 says, errors too. Throws
 * `permission_denied`.
 */
export function validated(as: oauth.AuthorizationServer, client: OAuthClient, answer: Answer): URLSearchParams {
  const params = new URLSearchParams({ state: answer.state });
  if (answer.code !== '') params.set('code', answer.code);
  if (answer.issuer !== '') params.set('iss', answer.issuer);
  if (answer.error !== '') params.set('error', answer.error);
  try {
    const checked = oauth.validateAuthResponse(as, { client_id: client.clientId }, params, answer.state);
    if (checked.get('code') === null) throw new GatewayError('permission_denied', 'The answer has no code.');
    return checked;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    if (error instanceof oauth.AuthorizationResponseError) {
      const denied = error.error === 'access_denied' ? 'You did not allow it.' : 'The authorization server refused.';
      throw new GatewayError('permission_denied', denied, {
        details: { oauth: codeWord(error.error) ?? 'unknown' },
      });
    }
    throw foreign(error);
  }
}

/** The refusal of an answer that is of another server than was asked. */
export function foreign(cause?: unknown): GatewayError {
  const message = 'The answer is not of the authorization server that was asked.';
  return new GatewayError('permission_denied', message, cause === undefined ? {} : { cause });
}
