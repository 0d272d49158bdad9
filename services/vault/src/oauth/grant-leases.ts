import { sleep } from '@sallyport/chassis/deadline';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { isListing, type LeasePrincipal } from '../leasing.ts';
import { isTheirs } from '../owner.ts';
import type { GrantRecord } from '../vault-store.ts';
import { bareIssuer } from './answers.ts';
import { authOf } from './auth-spec.ts';
import { type GrantContent, grantPlace, grantReference, rowSealer } from './grant-seal.ts';
import { createHeeding } from './heeding.ts';
import { REQUEST_MS } from './http.ts';
import type { GrantRow } from './oauth-store.ts';
import { CLAIM_MS, createRefresh, type RefreshOptions } from './refreshing.ts';

/** A token that ends within this time is refreshed before it is given out. */
const EARLY_MS = 30_000;
/** While another refreshes, a token that lives on for so long is given out. */
const STILL_GOOD_MS = 2_000;
const POLL_MS = 50;
/** When a grant was used last is kept to about this. */
const USED_MS = 60_000;

/** A token of a grant. */
export interface GrantLease {
  readonly value: string;
  readonly reference: string;
  readonly owner: string;
  readonly scopes: readonly string[];
  /** Epoch ms; undefined: it does not say. */
  readonly expiresAtMs: number | undefined;
}

/** Gives out tokens of people's grants, refreshed where they have to be. */
export type LeaseGrant = (
  tenant: string,
  server: GrantRecord,
  principal: LeasePrincipal | undefined,
  refused: string,
) => Promise<GrantLease>;

/**
 * Makes it. Throws `upstream_credentials` with `details.missing: 'grant'` where the person has to connect (anew). Two
 * replicas refresh once: who claims the row asks, the others wait for what comes of it. Refreshed tokens are durable before
 * they are given out.
 */
export function createGrantLeases(options: RefreshOptions & { readonly log: Logger }): LeaseGrant {
  const { store, log } = options;
  const rows = rowSealer(store, options.envelope);
  const refresh = createRefresh(options);
  const heeds = createHeeding();
  /** Grants whose refused token is being replaced here: who is refused by the same one waits for what comes of it. */
  const replacing = new Map<string, Promise<void>>();

  const missing = ({ resourceName }: GrantRecord, why: string) =>
    new GatewayError('upstream_credentials', `${resourceName} is not connected for this principal: ${why}.`, {
      details: { missing: 'grant', server: resourceName },
    });

  const find = async (tenant: string, server: GrantRecord, principal: LeasePrincipal | undefined) => {
    // What is shown to who has connected nothing is listed with the token of whoever connected first: so it stays the same.
    if (principal === undefined || isListing(principal)) {
      return await store.anyGrant(tenant, server.uid, server.origin);
    }
    if (principal.user === '') throw missing(server, 'no person stands behind it');
    const grant = await store.grant(tenant, server.uid, principal.user);
    return grant !== undefined && isTheirs(principal, grant.connectedAtMs) ? grant : undefined;
  };

  /** The grant where its tokens may be used at this server now. */
  const usable = async (tenant: string, server: GrantRecord, principal: LeasePrincipal | undefined) => {
    const grant = await find(tenant, server, principal);
    const { issuer } = authOf(server) ?? {};
    if (grant === undefined) throw missing(server, 'nobody connected it');
    if (grant.ended) throw missing(server, 'its issuer ended the grant');
    if (grant.origin !== server.origin) throw missing(server, 'the server is at another host now');
    if (issuer !== undefined && bareIssuer(issuer) !== bareIssuer(grant.issuer))
      throw missing(server, 'it has another issuer now');
    return grant;
  };

  const opened = async (tenant: string, grant: GrantRow): Promise<GrantLease> => {
    const { accessToken } = await rows.open<GrantContent>(tenant, grantPlace(grant), grant);
    const { scopes, expiresAtMs, user } = grant;
    if (Date.now() - grant.usedAtMs > USED_MS) void store.used(tenant, grant).catch(() => undefined);
    return { value: accessToken, reference: grantReference(grant), owner: `user:${user}`, scopes, expiresAtMs };
  };

  const replaced = (key: string): (() => void) => {
    let settle = () => {};
    replacing.set(key, new Promise<void>((resolve) => (settle = resolve)));
    return () => {
      replacing.delete(key);
      settle();
    };
  };

  const leaseOf = async (
    ...[tenant, server, principal, refused, onHeeded]: [...Parameters<LeaseGrant>, (done: () => void) => void]
  ): Promise<GrantLease> => {
    const until = Date.now() + CLAIM_MS + REQUEST_MS;
    let heeded: string | undefined;
    for (;;) {
      const grant = await usable(tenant, server, principal);
      const reference = grantReference(grant);
      const leftMs = (grant.expiresAtMs ?? Number.POSITIVE_INFINITY) - Date.now();
      if (refused === reference && heeded === undefined) {
        const key = JSON.stringify([tenant, grant.uid, grant.user]);
        const underWay = replacing.get(key);
        if (underWay !== undefined) {
          await underWay;
          continue;
        }
        if (heeds(key)) {
          heeded = reference;
          onHeeded(replaced(key));
        }
      }
      const wasRefused = heeded === reference;
      if (leftMs > EARLY_MS && !wasRefused) return await opened(tenant, grant);
      const by = uuidv7();
      if (await store.claim(tenant, grant, by, CLAIM_MS)) {
        try {
          const next = await refresh(tenant, server, grant, by);
          if (next !== 'ended') return await opened(tenant, next);
          continue;
        } catch (error) {
          log.warn('a grant could not be refreshed', { reference, error });
          // Its server is away, or our Secret for a while: what is still good may be used to its end.
          if (leftMs > 0 && !wasRefused && isPassing(error)) return await opened(tenant, grant);
          throw error;
        }
      }
      if (leftMs > STILL_GOOD_MS && !wasRefused) return await opened(tenant, grant);
      if (Date.now() > until)
        throw new GatewayError('unavailable', 'The grant is being refreshed.', { retryAfterMs: 500 });
      await sleep(POLL_MS);
    }
  };

  return async (tenant, server, principal, refused) => {
    let done = () => {};
    try {
      return await leaseOf(tenant, server, principal, refused, (settle) => {
        done = settle;
      });
    } finally {
      done();
    }
  };
}

function isPassing(error: unknown): boolean {
  const { code, details } = asGatewayError(error);
  return code === 'unavailable' || details?.missing === 'secret';
}
