import { sleep } from '@sallyport/chassis/deadline';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { uuidv7 } from '@sallyport/chassis/uuid';
import * as oauth from 'oauth4webapi';
import type { Envelope } from '../envelope.ts';
import type { LeasePrincipal } from '../leasing.ts';
import type { GrantRecord } from '../vault-store.ts';
import { recordGrant } from './connections.ts';
import { type GrantContent, grantPlace, grantReference, rowSealer } from './grant-seal.ts';
import { type OAuthHttp, REQUEST_MS } from './http.ts';
import type { GrantRow, OAuthStore } from './oauth-store.ts';
import { authenticationOf, readTokens, requestOptions } from './token-call.ts';

/** A token that ends within this time is refreshed before it is given out. */
const EARLY_MS = 30_000;
/** A replica that refreshes and dies holds others up for so long: longer than its request can take. */
const CLAIM_MS = REQUEST_MS + 4_000;
const POLL_MS = 50;
/** When a grant was used last is kept to about this. */
const USED_MS = 60_000;
/** In whose name the broker lists a server's tools. */
const LISTING = 'service:mcp-broker';

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
export function createGrantLeases(options: {
  readonly store: OAuthStore;
  readonly envelope: Envelope;
  readonly http: OAuthHttp;
  readonly log: Logger;
  readonly onNotice: () => void;
}): LeaseGrant {
  const { store, http, log } = options;
  const rows = rowSealer(store, options.envelope);

  const missing = ({ resourceName }: GrantRecord, why: string) =>
    new GatewayError('upstream_credentials', `${resourceName} is not connected for this principal: ${why}.`, {
      details: { missing: 'grant', server: resourceName },
    });

  const find = async (tenant: string, server: GrantRecord, principal: LeasePrincipal | undefined) => {
    // Tools are listed with the token of whoever connected last: definitions are the same for all, and pinned.
    if (principal === undefined || (principal.id === LISTING && principal.user === '')) {
      return await store.anyGrant(tenant, server.uid);
    }
    if (principal.user === '') throw missing(server, 'no person stands behind it');
    return await store.grant(tenant, server.uid, principal.user);
  };

  const opened = async (tenant: string, grant: GrantRow): Promise<GrantLease> => {
    const { accessToken } = await rows.open<GrantContent>(tenant, grantPlace(grant), grant);
    const { scopes, expiresAtMs, user } = grant;
    return { value: accessToken, reference: grantReference(grant), owner: `user:${user}`, scopes, expiresAtMs };
  };

  const refresh = async (tenant: string, grant: GrantRow, by: string): Promise<GrantRow | 'ended'> => {
    const content = await rows.open<GrantContent>(tenant, grantPlace(grant), grant);
    const { as, client, refreshToken, resource, allowPrivate } = content;
    const end = async (why: string): Promise<'ended'> => {
      await store.end(tenant, grant, recordGrant(tenant, 'grants.end', grant, { reason: why }));
      options.onNotice();
      return 'ended';
    };
    if (refreshToken === undefined) return await end('no_refresh_token');
    try {
      const who = { client_id: client.clientId };
      const tokens = await readTokens(
        oauth.refreshTokenGrantRequest(as, who, authenticationOf(as, client), refreshToken, {
          ...requestOptions(http, allowPrivate),
          additionalParameters: { resource },
        }),
        (response) => oauth.processRefreshTokenResponse(as, who, response),
      );
      const next: GrantContent = {
        ...content,
        accessToken: tokens.accessToken,
        refreshToken: tokens.refreshToken ?? refreshToken,
      };
      const row = await rows.seal(tenant, grantPlace(grant), next);
      const { expiresAtMs, scopes = grant.scopes } = tokens;
      const kept = await store.refreshed(tenant, grant, by, { ...row, expiresAtMs, scopes });
      // The person disconnected or connected anew meanwhile: what was asked for is no longer theirs.
      return kept ?? 'ended';
    } catch (error) {
      const { code, details } = asGatewayError(error);
      if (code === 'upstream_credentials') return await end(String(details?.oauth ?? 'refused'));
      await store.release(tenant, grant, by).catch(() => undefined);
      throw error;
    }
  };

  return async (tenant, server, principal, refused) => {
    const until = Date.now() + CLAIM_MS + REQUEST_MS;
    for (;;) {
      const grant = await find(tenant, server, principal);
      if (grant === undefined) throw missing(server, 'nobody connected it');
      if (grant.ended) throw missing(server, 'its issuer ended the grant');
      if (grant.origin !== server.origin) throw missing(server, 'the server is at another host now');
      const leftMs = (grant.expiresAtMs ?? Number.POSITIVE_INFINITY) - Date.now();
      const wasRefused = refused !== '' && refused === grantReference(grant);
      if (leftMs > EARLY_MS && !wasRefused) {
        const lease = await opened(tenant, grant);
        if (Date.now() - grant.usedAtMs > USED_MS) void store.used(tenant, grant).catch(() => undefined);
        return lease;
      }
      const by = uuidv7();
      if (await store.claim(tenant, grant, by, CLAIM_MS)) {
        try {
          const next = await refresh(tenant, grant, by);
          if (next !== 'ended') return await opened(tenant, next);
          continue;
        } catch (error) {
          // Its server is away: what is still good may be used to its end.
          if (leftMs > 0 && !wasRefused && asGatewayError(error).code === 'unavailable')
            return await opened(tenant, grant);
          log.warn('a grant could not be refreshed', { reference: grantReference(grant), error });
          throw error;
        }
      }
      if (Date.now() > until)
        throw new GatewayError('unavailable', 'The grant is being refreshed.', { retryAfterMs: 500 });
      await sleep(POLL_MS);
    }
  };
}
