import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { EdgeIdentity } from '@sallyport/proto/identity/v1/identity_pb';
import type { Authenticated } from '../authentication.ts';
import { refusesPerson } from './claim-guards.ts';
import { TokenFault, type TokenFaultReason } from './token-fault.ts';
import { type PrincipalSources, principalOfToken } from './token-principal.ts';
import type { TrustedIssuers } from './trusted-issuers.ts';

/** Turns what an edge vouches for into who acts. Rejects with `unauthenticated`, or `unavailable` where it cannot be known. */
export type AuthenticateEdge = (edge: EdgeIdentity, endpoint: string) => Promise<Authenticated>;

/** An edge and whose people it signs in. */
export interface DeclaredEdge {
  /** DNS or URI name in its certificate. */
  readonly san: string;
  readonly tenant: string;
  /** IdentityProvider of the tenant at which it signs people in; its mapping says who they are here. */
  readonly provider: string;
}

/** What authentication by edges needs. */
export interface AuthenticateEdgeOptions {
  readonly edges: readonly DeclaredEdge[];
  readonly issuers: Pick<TrustedIssuers, 'all'>;
  readonly sources: PrincipalSources;
  /** Longest time in ms that a caller may keep an answer. */
  readonly cacheTtlMs: number;
  readonly log: Logger;
  /** Told why somebody was refused, for the count of refusals. */
  readonly onRefused?: (reason: TokenFaultReason) => void;
  readonly now?: () => number;
}

// For the rules about claims; the answer itself has no end but that of its time in caches.
const GOOD_FOR_SECONDS = 60;

/**
 * Makes it. What the edge says is taken for claims of its IdentityProvider: the same person is the same here whether they
 * come by the edge, with a token or by signing in. Ingresses say by which certificate an edge came; whose people it may
 * vouch for stands in our own config, so that no ingress can make that up for edges that nobody declared.
 */
export function createAuthenticateEdge(options: AuthenticateEdgeOptions): AuthenticateEdge {
  const { edges, issuers, sources, cacheTtlMs, log, onRefused, now = Date.now } = options;
  const declared = new Map(edges.map((edge) => [edge.san, edge]));
  const principalOf = async ({ san, user, email, groups }: EdgeIdentity) => {
    const edge = declared.get(san);
    const issuer = issuers
      .all()
      .find(
        ({ tenant, provider, spec }) => tenant === edge?.tenant && provider === edge.provider && spec.type === 'OIDC',
      );
    if (issuer === undefined) throw new TokenFault('issuer');
    const nowSeconds = now() / 1000;
    const claims = {
      iss: issuer.rules.issuer,
      sub: user,
      iat: nowSeconds,
      exp: nowSeconds + GOOD_FOR_SECONDS,
      groups: [...groups],
      ...(email === '' ? {} : { email, email_verified: true }),
    };
    const token = { text: '', header: {}, claims };
    // An edge says few claims: of a provider that requires others it can vouch for nobody.
    if (refusesPerson(claims, issuer.rules)) throw new TokenFault('subject');
    return principalOfToken(token, issuer, sources);
  };
  return async (edge, endpoint) => {
    try {
      return { principal: { ...(await principalOf(edge)), expiresAtMs: 0 }, cacheTtlMs };
    } catch (error) {
      if (!(error instanceof TokenFault)) throw error;
      onRefused?.(error.reason);
      log.info('what an edge vouches for was refused', { reason: error.reason, san: edge.san, endpoint });
      throw new GatewayError('unauthenticated', 'The credential is not valid.', { cause: error });
    }
  };
}
