import { isAfter, isAudience, type Jwt } from '../jwt.ts';
import type { Guard } from './guard.ts';

/** The person's access token at our own application, and what it is looked at for. */
export interface AssertionCase extends Jwt {
  readonly clientId: string;
  readonly nowSeconds: number;
}

/** What the token must be that stands for the person (Microsoft identity platform, on-behalf-of flow), one by one. */
export const entraGuards: readonly Guard<AssertionCase>[] = [
  // The middle tier is its audience: one for another application is not ours to hand in.
  {
    reason: 'audience',
    refuses: ({ claims, clientId }) => !isAudience(claims.aud, [clientId, `api://${clientId}`]),
  },
  { reason: 'expired', refuses: ({ claims, nowSeconds }) => !isAfter(claims.exp, nowSeconds) },
  // Only tokens of people have scopes; one of an application would call in its own name.
  {
    reason: 'application',
    refuses: ({ claims }) => claims.idtyp === 'app' || typeof claims.scp !== 'string' || claims.scp === '',
  },
];

/** An ID-JAG and what it must say. */
export interface GrantCase extends Jwt {
  readonly identityIssuer: string;
  /** Issuer of the resource's authorization server. */
  readonly issuer: string;
  readonly subject: unknown;
  readonly resource: string;
  readonly clientId: string;
  readonly nowSeconds: number;
}

/** The person's ID token and what it is looked at for. */
export interface IdTokenCase extends Jwt {
  readonly identityIssuer: string;
  readonly clientId: string;
  readonly nowSeconds: number;
}

const MAX_SECONDS = 3600;
const SKEW_SECONDS = 60;

/** What the ID token must be that stands for the person, one by one. */
export const idTokenGuards: readonly Guard<IdTokenCase>[] = [
  { reason: 'issuer', refuses: ({ claims, identityIssuer }) => claims.iss !== identityIssuer },
  { reason: 'audience', refuses: ({ claims, clientId }) => !isAudience(claims.aud, [clientId]) },
  { reason: 'expired', refuses: ({ claims, nowSeconds }) => !isAfter(claims.exp, nowSeconds) },
];

/** What an ID-JAG must be before it is presented (draft-ietf-oauth-identity-assertion-authz-grant-03 §6), one by one. */
export const grantGuards: readonly Guard<GrantCase>[] = [
  { reason: 'type', refuses: ({ header }) => header.typ !== 'oauth-id-jag+jwt' },
  { reason: 'algorithm', refuses: ({ header }) => !/^((RS|PS|ES)\d{3}|EdDSA|Ed25519)$/.test(String(header.alg)) },
  { reason: 'issuer', refuses: ({ claims, identityIssuer }) => claims.iss !== identityIssuer },
  { reason: 'audience', refuses: ({ claims, issuer }) => !isAudience(claims.aud, [issuer], true) },
  { reason: 'subject', refuses: ({ claims, subject }) => typeof subject !== 'string' || claims.sub !== subject },
  { reason: 'client', refuses: ({ claims, clientId }) => claims.client_id !== clientId },
  { reason: 'resource', refuses: ({ claims, resource }) => !isAudience(claims.resource, [resource], true) },
  { reason: 'id', refuses: ({ claims }) => typeof claims.jti !== 'string' || claims.jti === '' },
  { reason: 'expired', refuses: ({ claims, nowSeconds }) => !isAfter(claims.exp, nowSeconds) },
  { reason: 'end', refuses: ({ claims, nowSeconds }) => isAfter(claims.exp, nowSeconds, MAX_SECONDS) },
  {
    reason: 'issued',
    refuses: ({ claims, nowSeconds }) =>
      typeof claims.iat !== 'number' || isAfter(claims.iat, nowSeconds, SKEW_SECONDS),
  },
];
