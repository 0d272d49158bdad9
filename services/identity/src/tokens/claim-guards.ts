import type { ClaimsCase, Guard } from './guards.ts';
import { authorizedPartyOf, tokenTypeOf } from './token-rules.ts';

const MAX_SUBJECT = 256;
// What OpenID providers issue beside access tokens, as Keycloak names them in the payload.
const OTHER_TOKENS = new Set(['ID', 'Refresh', 'Offline', 'Logout']);

/** A NumericDate (RFC 7519 §2): seconds since 1970, fractions allowed. Anything else is none. */
function timeOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Guards on what a token claims, each against the rules of its issuer. */
export const claimGuards: readonly Guard<ClaimsCase>[] = [
  { reason: 'issuer', refuses: ({ token, rules }) => token.claims.iss !== rules.issuer },
  { reason: 'algorithm', refuses: ({ token, rules }) => !rules.algorithms.includes(token.header.alg as string) },
  {
    reason: 'type',
    refuses: ({ token, rules }) => {
      const type = tokenTypeOf(token.header.typ);
      return type === undefined || !rules.tokenTypes.includes(type);
    },
  },
  // An ID token says who signed in at a client; it gives nobody leave to act (RFC 9068 §5, OpenID Core §2).
  {
    reason: 'id-token',
    refuses: ({ token: { claims } }) =>
      ['at_hash', 'c_hash', 's_hash', 'nonce', 'events'].some((name) => name in claims) ||
      (typeof claims.typ === 'string' && OTHER_TOKENS.has(claims.typ)),
  },
  {
    reason: 'audience',
    refuses: ({ token: { claims }, rules }) => {
      const named = Array.isArray(claims.aud) ? (claims.aud as unknown[]) : [claims.aud];
      return named.length > 64 || !named.some((one) => typeof one === 'string' && rules.audiences.includes(one));
    },
  },
  {
    reason: 'expiry',
    refuses: ({ token, rules, nowSeconds }) => {
      const at = timeOf(token.claims.exp);
      return at === undefined || at + rules.clockSkewSeconds <= nowSeconds;
    },
  },
  {
    reason: 'not-before',
    refuses: ({ token: { claims }, rules, nowSeconds }) => {
      if (claims.nbf === undefined) return false;
      const at = timeOf(claims.nbf);
      return at === undefined || at - rules.clockSkewSeconds > nowSeconds;
    },
  },
  {
    reason: 'issued-at',
    refuses: ({ token: { claims }, rules, nowSeconds }) => {
      if (claims.iat === undefined) return false;
      const at = timeOf(claims.iat);
      return at === undefined || at - rules.clockSkewSeconds > nowSeconds;
    },
  },
  // Without iat, how long it will still live tells at least how long it can have been made for.
  {
    reason: 'age',
    refuses: ({ token: { claims }, rules, nowSeconds }) => {
      const since = timeOf(claims.iat);
      const age = since === undefined ? Number(claims.exp) - nowSeconds : nowSeconds - since;
      return age > rules.maxTokenAgeSeconds + rules.clockSkewSeconds;
    },
  },
  {
    reason: 'subject',
    refuses: ({ token: { claims } }) => {
      const { sub } = claims;
      if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT) return true;
      return sub !== sub.trim() || /[\p{C}\p{Zl}\p{Zp}]/u.test(sub);
    },
  },
  {
    reason: 'authorized-party',
    refuses: ({ token: { claims }, rules }) => {
      if (rules.authorizedParties.length === 0) return false;
      const party = authorizedPartyOf(claims);
      return party === undefined || !rules.authorizedParties.includes(party);
    },
  },
  {
    reason: 'required-claims',
    refuses: ({ token: { claims }, rules }) =>
      Object.entries(rules.requiredClaims).some(([name, wanted]) => {
        const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
        return Array.isArray(value) ? !value.includes(wanted) : String(value ?? '') !== wanted || value === undefined;
      }),
  },
  // A token bound to a key (RFC 7800) is worth nothing without the proof, which no ingress of ours takes.
  { reason: 'proof-of-possession', refuses: ({ token: { claims } }) => claims.cnf !== undefined },
  {
    reason: 'scope',
    refuses: ({ token: { claims } }) => claims.scope !== undefined && typeof claims.scope !== 'string',
  },
  { reason: 'delegated', refuses: ({ token: { claims }, rules }) => claims.act !== undefined && !rules.delegated },
];

/**
 * Whether claims are not those of a person whom a provider's resource lets in, by whichever way they came: without a subject,
 * or without what it requires.
 */
export function refusesPerson(claims: ClaimsCase['token']['claims'], rules: ClaimsCase['rules']): boolean {
  const facts = { token: { text: '', header: {}, claims }, rules, nowSeconds: 0 };
  return claimGuards.some(
    ({ reason, refuses }) => (reason === 'subject' || reason === 'required-claims') && refuses(facts),
  );
}
