import { sleep } from '@sallyport/chassis/deadline';
import { asGatewayError } from '@sallyport/chassis/errors';
import * as oauth from 'oauth4webapi';
import type { Envelope } from '../envelope.ts';
import { firstEnd, readJwt } from '../jwt.ts';
import type { GrantRecord } from '../vault-store.ts';
import { authOf } from './auth-spec.ts';
import type { Clients } from './clients.ts';
import { recordGrant } from './connections.ts';
import { type GrantContent, grantPlace, rowSealer } from './grant-seal.ts';
import { type OAuthHttp, REQUEST_MS } from './http.ts';
import type { GrantRow, OAuthStore } from './oauth-store.ts';
import { authenticationOf, isUnknownClient, type OAuthClient, readTokens, requestOptions } from './token-call.ts';

/** A replica that refreshes and dies holds others up for so long: longer than its request can take. */
export const CLAIM_MS = REQUEST_MS + 4_000;
const RETRY_MS = 100;

/** What refreshing works with. */
export interface RefreshOptions {
  readonly store: OAuthStore;
  readonly envelope: Envelope;
  readonly http: OAuthHttp;
  readonly clients: Pick<Clients, 'forget'>;
  /** Value of the Secret that a resource's grant names. */
  readonly secretOf: (tenant: string, grant: GrantRecord) => Promise<string | undefined>;
  readonly onNotice: () => void;
}

/**
 * Refreshes the tokens of a grant that the caller holds the claim on, `by` its name. Answers the row as kept; 'ended' where
 * its issuer ended the grant or the person did. Rejects with `unavailable` where the issuer is away, `upstream_credentials`
 * where it refuses for reasons that are not the grant's; the claim is given back then.
 */
export type Refresh = (tenant: string, server: GrantRecord, grant: GrantRow, by: string) => Promise<GrantRow | 'ended'>;

/** Makes it. */
export function createRefresh(options: RefreshOptions): Refresh {
  const { store, http, clients, secretOf, onNotice } = options;
  const rows = rowSealer(store, options.envelope);

  /** A client that was registered beforehand has the secret that its Secret holds now. */
  const clientNow = async (tenant: string, server: GrantRecord, { client, as }: GrantContent): Promise<OAuthClient> => {
    const { clientId, issuer } = authOf(server) ?? {};
    if (clientId === undefined || clientId !== client.clientId || issuer !== as.issuer) return client;
    return { ...client, secret: await secretOf(tenant, server) };
  };

  /** What came is the only token that is left, where tokens rotate: a database that is away for a moment must not lose it. */
  const keep = async (tenant: string, grant: GrantRow, by: string, next: GrantContent, more: KeptTogether) => {
    const until = Date.now() + CLAIM_MS - REQUEST_MS;
    for (;;) {
      try {
        const row = await rows.seal(tenant, grantPlace(grant), next);
        return await store.refreshed(tenant, grant, by, { ...row, ...more });
      } catch (error) {
        if (Date.now() > until) throw error;
        await sleep(RETRY_MS);
      }
    }
  };

  const end = async (tenant: string, grant: GrantRow, why: string): Promise<'ended'> => {
    await store.end(tenant, grant, recordGrant(tenant, 'grants.end', grant, { reason: why }));
    onNotice();
    return 'ended';
  };

  return async (tenant, server, grant, by) => {
    try {
      const content = await rows.open<GrantContent>(tenant, grantPlace(grant), grant);
      const { as, refreshToken, resource } = content;
      if (refreshToken === undefined) return await end(tenant, grant, 'no_refresh_token');
      const client = await clientNow(tenant, server, content);
      const who = { client_id: client.clientId };
      const tokens = await readTokens(
        oauth.refreshTokenGrantRequest(as, who, authenticationOf(as, client), refreshToken, {
          ...requestOptions(http, server.allowPrivate),
          additionalParameters: resource === undefined ? {} : { resource },
        }),
        (response) => oauth.processRefreshTokenResponse(as, who, response),
      );
      const { accessToken, scopes = grant.scopes } = tokens;
      const renewed = content.idToken === undefined ? undefined : tokens.idToken;
      const idToken = renewed ?? content.idToken;
      // OpenID Connect Core §12.2: tokens of another person must not be used in the name of this one.
      if (subjectOf(idToken) !== subjectOf(content.idToken)) return await end(tenant, grant, 'other_subject');
      // One that came now counts; by an old one that is never renewed we would refresh without end.
      const expiresAtMs = firstEnd(tokens.expiresAtMs, renewed);
      const next = { ...content, client, accessToken, idToken, refreshToken: tokens.refreshToken ?? refreshToken };
      // Undefined: the person disconnected or connected anew meanwhile, so what was asked for is no longer theirs.
      return (await keep(tenant, grant, by, next, { expiresAtMs, scopes })) ?? 'ended';
    } catch (error) {
      const refused = asGatewayError(error).details?.oauth;
      const registered = authOf(server)?.clientId === undefined;
      // A grant is of its client: it ends with a registration that its issuer forgot. A wrong secret is for the admin.
      if (refused === 'invalid_grant') return await end(tenant, grant, refused);
      if (isUnknownClient(error) && registered) {
        await clients.forget(tenant, grant.uid, grant.issuer);
        return await end(tenant, grant, 'invalid_client');
      }
      await store.release(tenant, grant, by).catch(() => undefined);
      throw error;
    }
  };
}

function subjectOf(idToken: string | undefined): unknown {
  return readJwt(idToken ?? '').claims.sub;
}

type KeptTogether = Pick<GrantRow, 'scopes' | 'expiresAtMs'>;
