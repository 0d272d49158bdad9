import { sign } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import type { GoogleServiceAccount } from './cloud-credentials.ts';

/** Longest that Google takes; the token that is had for it lives as long. */
const LIFE_SECONDS = 3_600;

/**
 * The assertion by which a service account asks for a token (RFC 7523; developers.google.com/identity/protocols/oauth2/
 * service-account). Throws `upstream_credentials` where its key is none.
 */
export function googleAssertion(
  { email, privateKey, keyId }: GoogleServiceAccount,
  { scope, audience, now }: { readonly scope: string; readonly audience: string; readonly now: Date },
): string {
  const issued = Math.floor(now.getTime() / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = { iss: email, scope, aud: audience, iat: issued, exp: issued + LIFE_SECONDS };
  const said = `${encoded(header)}.${encoded(claims)}`;
  try {
    return `${said}.${sign('RSA-SHA256', Buffer.from(said), privateKey).toString('base64url')}`;
  } catch (cause) {
    throw new GatewayError('upstream_credentials', 'The private key of this service account cannot be used.', {
      cause,
    });
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
