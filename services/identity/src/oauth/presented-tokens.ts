import { randomUUID } from 'node:crypto';
import type { SigningKeys } from '@sallyport/chassis/signing-keys';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { AdapterPayload } from 'oidc-provider';
import type { PresentedTokens } from './adapter.ts';

/** Makes the list of tokens that requests present now. */
export function createPresentedTokens(): PresentedTokens {
  const held = new Map<string, AdapterPayload & { readonly kind: string }>();
  return {
    hold(token) {
      const name = randomUUID();
      held.set(name, token);
      return name;
    },
    find(name, kind) {
      // The library asks by the name that it was given, and by the token's own id when it takes it back.
      const token = held.get(name) ?? [...held.values()].find(({ jti }) => jti === name);
      return token?.kind === kind ? token : undefined;
    },
    drop: (name) => void held.delete(name),
  };
}

/** Claims of an access token of ours (RFC 9068). */
export interface OwnClaims {
  readonly jti: string;
  readonly sub: string;
  readonly client_id: string;
  readonly aud: string;
  readonly exp: number;
  readonly iat: number;
  readonly scope?: string;
  readonly sid: string;
  readonly act?: Readonly<Record<string, unknown>>;
}

/** Reads an access token of one of our issuers; undefined for anything else, and for one that has expired. */
export type ReadOwnToken = (issuer: string, token: string) => Promise<OwnClaims | undefined>;

/** Makes the reader. ES256 by a key of ours and nothing else; whether its grant lives is another question. */
export function ownTokenReader(keys: SigningKeys): ReadOwnToken {
  const set = createLocalJWKSet(keys.published as unknown as Parameters<typeof createLocalJWKSet>[0]);
  return async (issuer, token) => {
    try {
      const { payload } = await jwtVerify(token, set, {
        issuer,
        typ: 'at+jwt',
        algorithms: ['ES256'],
        clockTolerance: 0,
      });
      const claims = payload as unknown as OwnClaims;
      return typeof claims.sid === 'string' && typeof claims.aud === 'string' ? claims : undefined;
    } catch {
      return undefined;
    }
  };
}

/** What the library keeps of a token, from its claims: enough to introspect and to revoke it. */
export function payloadOf(claims: OwnClaims): AdapterPayload & { readonly kind: string } {
  const { jti, sub, client_id: clientId, aud, exp, iat, scope = '', sid, act } = claims;
  const person = sub.startsWith('user:');
  return {
    kind: person ? 'AccessToken' : 'ClientCredentials',
    jti,
    ...(person ? { accountId: sub, grantId: sid } : {}),
    clientId,
    aud,
    exp,
    iat,
    scope,
    extra: { sid, ...(person ? {} : { sub }), ...(act === undefined ? {} : { act }) },
  };
}
