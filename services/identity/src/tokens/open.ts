import { outbound } from '@sallyport/chassis/http/fetch';
import type { Logger } from '@sallyport/chassis/log';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Lifecycle } from '@sallyport/chassis/process';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { Clients } from '../clients.ts';
import type { Directory } from '../directory/directory.ts';
import type { IdentityMetrics } from '../metrics.ts';
import { type AuthenticateToken, createAuthenticateToken, type TokenIssuer } from './authenticate-token.ts';
import { clusterAdmins } from './cluster-admins.ts';
import { type AuthenticateEdge, createAuthenticateEdge, type DeclaredEdge } from './edge.ts';
import { createKeySets } from './key-sets.ts';
import { createReadKeys } from './read-keys.ts';
import { reporting } from './reporting.ts';
import { type PrincipalSources, principalOfToken } from './token-principal.ts';
import { type TrustedIssuer, type TrustedIssuers, trustedIssuers } from './trusted-issuers.ts';

/** What tokens are verified with. */
export interface TokensOptions {
  readonly snapshot: Snapshot;
  readonly clients: Pick<Clients, 'snapshots' | 'accessReviews'>;
  readonly directory: Directory;
  readonly metrics: IdentityMetrics;
  readonly log: Logger;
  readonly cacheTtlMs: number;
  readonly edges: readonly DeclaredEdge[];
  /** Issuers of our own authorization server: those with an `iss`, under the rules that they have at an endpoint. */
  readonly own?: ((iss: string, endpoint: string) => readonly TokenIssuer[]) | undefined;
}

/** Verification of tokens, and whose are accepted. */
export interface Tokens {
  readonly authenticate: AuthenticateToken;
  readonly authenticateEdge: AuthenticateEdge;
  readonly issuers: TrustedIssuers;
}

const TIMEOUTS = { connectMs: 3_000, headersMs: 5_000, bodyIdleMs: 5_000 };
// Who left the groups out does so in every token of a person: that is said once in a while.
const TOLD_AGAIN_MS = 60_000;

/** Opens verification of tokens by the IdentityProviders of all tenants; their keys are looked at now, and again and again. */
export async function openTokens(life: Lifecycle, options: TokensOptions): Promise<Tokens> {
  const { snapshot, clients, directory, metrics, log, cacheTtlMs, edges, own } = options;
  const guarded = outbound({ guard: urlGuard(), timeouts: TIMEOUTS, maxConnections: 4 });
  const open = outbound({
    guard: urlGuard({ allowPrivate: true, allowHttp: true }),
    timeouts: TIMEOUTS,
    maxConnections: 4,
  });
  await life.use(guarded);
  await life.use(open);
  const issuers = trustedIssuers(snapshot, createKeySets({ read: createReadKeys({ open, guarded }), log }));
  await life.use({ name: 'trusted issuers', stop: issuers.stop });
  await life.use(reporting({ issuers, snapshot, client: clients.snapshots, log }));

  const told = new Map<string, number>();
  const onGroupsElsewhere = ({ uid, tenant, provider }: TrustedIssuer) => {
    const now = performance.now();
    if (now - (told.get(uid) ?? Number.NEGATIVE_INFINITY) < TOLD_AGAIN_MS) return;
    told.set(uid, now);
    log.warn('a provider leaves groups out of its tokens; their people have no teams by claims', { tenant, provider });
  };
  const sources = { clients: issuers, directory, onGroupsElsewhere };
  const issuerWith = (what: PrincipalSources) => {
    const known = new WeakMap<TrustedIssuer, TokenIssuer>();
    return (issuer: TrustedIssuer): TokenIssuer => {
      const held = known.get(issuer) ?? { ...issuer, principalOf: (token) => principalOfToken(token, issuer, what) };
      known.set(issuer, held);
      return held;
    };
  };
  const tokenIssuerOf = issuerWith(sources);
  // Roles matter at the admin API alone: operator is asked there, and is in the way of no other request.
  const isClusterAdmin = clusterAdmins({ client: clients.accessReviews, log });
  const adminIssuerOf = issuerWith({ ...sources, isClusterAdmin });
  const authenticate = createAuthenticateToken({
    issuersOf(iss, endpoint) {
      const ours = own?.(iss, endpoint) ?? [];
      // An IdentityProvider that calls itself by our own name says nothing about our tokens.
      return ours.length > 0 ? ours : issuers.withIssuer(iss).map(endpoint === 'admin' ? adminIssuerOf : tokenIssuerOf);
    },
    cacheTtlMs,
    log,
    onRefused: metrics.tokenRefused,
  });
  const onRefused = metrics.tokenRefused;
  const authenticateEdge = createAuthenticateEdge({ edges, issuers, sources, cacheTtlMs, log, onRefused });
  return { authenticate, authenticateEdge, issuers };
}
