import { GatewayError } from '@sallyport/chassis/errors';
import { away, codeWord, saysAway } from '../oauth/answers.ts';

/** Codes after which a new sign-in at the identity provider may help (RFC 6749 §5.2, OpenID Connect Core §3.1.2.6). */
const BY_SIGN_IN = new Set(['invalid_grant', 'interaction_required', 'login_required', 'consent_required']);

/**
 * The error that stands for a refusal: `upstream_credentials` with `details.oauth` its code. Texts of the server stay behind:
 * they are a stranger's.
 */
export function refusedBy(body: Readonly<Record<string, unknown>>): GatewayError {
  const code = codeWord(body.error) ?? 'unknown';
  if (saysAway(code)) return away();
  const suberror = codeWord(body.suberror);
  return new GatewayError('upstream_credentials', 'The authorization server refused to give a token for this person.', {
    details: {
      oauth: code,
      ...(suberror === undefined ? {} : { suberror }),
      // A claims challenge asks the person for more than a password; signing in anew is what answers it.
      ...(body.claims === undefined ? {} : { challenge: true }),
    },
  });
}

/** A refusal by the provider where somebody signed in: says so where the person can help by signing in anew. */
export function refusedSignIn(server: string, provider: string, error: unknown): unknown {
  const { details } = error as Partial<GatewayError>;
  return BY_SIGN_IN.has(String(details?.oauth)) ? noSignIn(server, provider, details) : error;
}

/** Nobody is there in whose name a token could be asked for; a token of the service itself is never the answer. */
export function noPerson(server: string): GatewayError {
  return new GatewayError(
    'upstream_credentials',
    `${server} is called in the name of people, and no person stands here.`,
    {
      details: { missing: 'person', server },
    },
  );
}

/** Identity does not vouch for the person: it does not know them, or they or what they let somebody do have ended. */
export function unvouched(server: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof GatewayError) || error.code !== 'permission_denied') throw error;
    throw new GatewayError('upstream_credentials', `Nobody vouches for this person at ${server}.`, {
      cause: error,
      details: { missing: 'vouching', server },
    });
  };
}

/** The person has no sign-in here that a token could be asked for with. */
export function noSignIn(server: string, provider: string, more: Readonly<Record<string, unknown>> = {}): GatewayError {
  const message = `${server} needs you to sign in at ${provider} again.`;
  return new GatewayError('upstream_credentials', message, {
    details: { ...more, missing: 'sign-in', server, provider },
  });
}
