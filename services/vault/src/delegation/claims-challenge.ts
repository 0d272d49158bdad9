import { isObject, objectOf } from '../oauth/answers.ts';

/** It goes into a URL. */
const MAX_LENGTH = 2_048;
const MAX_DEPTH = 6;
const MEMBERS: ReadonlySet<string> = new Set(['access_token', 'id_token', 'userinfo']);

/**
 * A claims challenge: what a person is to be asked for at the sign-in that answers it, as the `claims` parameter of an
 * authorization request (OpenID Connect Core §5.5; Microsoft identity platform, claims challenges). Undefined for what is none:
 * a provider is asked in its own words or not at all.
 */
export function challengeOf(claims: unknown): string | undefined {
  if (typeof claims !== 'string' || claims.length > MAX_LENGTH) return undefined;
  const members = Object.entries(objectOf(claims, MAX_DEPTH) ?? {});
  const good = members.length > 0 && members.every(([name, value]) => MEMBERS.has(name) && isObject(value));
  return good ? claims : undefined;
}
