import { createHash } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import { readScopes } from '@sallyport/chassis/http/challenge';
import type { Logger } from '@sallyport/chassis/log';
import { isSignInGrant } from '@sallyport/custom-resources/grant-uids';
import * as oauth from 'oauth4webapi';
import { checkedTenant } from '../custody.ts';
import type { Envelope, Place } from '../envelope.ts';
import { recordOf, type WaitingRecord } from '../outbox.ts';
import type { GrantRecord } from '../vault-store.ts';
import { type AuthSpec, authOf } from './auth-spec.ts';
import { type Answer, foreign, validated } from './authorization-answer.ts';
import { type Clients, callbackOf } from './clients.ts';
import type { Discovery } from './discovery.ts';
import { type GrantContent, grantPlace, grantReference, knownServer, rowSealer } from './grant-seal.ts';
import type { OAuthHttp } from './http.ts';
import type { GrantRow, OAuthStore } from './oauth-store.ts';
import { authenticationOf, isUnknownClient, type OAuthClient, readTokens, requestOptions } from './token-call.ts';

/** How long a person has to come back from the authorization server. */
const FLOW_MS = 10 * 60_000;
/** Connections that one person may have begun at once. */
const MAX_FLOWS = 10;
const MAX_SCOPES = 64;

/** Where a person stands with a tool server. */
export interface ConnectionState {
  readonly server: string;
  readonly origin: string;
  readonly state: 'none' | 'connected' | 'ended';
  readonly grant: GrantRow | undefined;
}

/** Connects people to tool servers. */
export interface Connections {
  /** Where the person is to be sent. Throws `not_found`, `unsupported`, or what the authorization server is to blame for. */
  begin(
    tenant: string,
    user: string,
    server: string,
    scopes: readonly string[],
  ): Promise<{ readonly authorizationUrl: string; readonly issuer: string }>;
  /** Throws `permission_denied` for a state that is not this person's, not there any more, or used. */
  complete(
    tenant: string,
    user: string,
    answer: Answer,
  ): Promise<{ readonly server: string; readonly scopes: readonly string[] }>;
  list(tenant: string, user: string): Promise<ConnectionState[]>;
  disconnect(tenant: string, user: string, server: string): Promise<{ readonly revokedUpstream: boolean }>;
}

/** What connections work with. */
export interface ConnectionOptions {
  readonly store: OAuthStore;
  readonly envelope: Envelope;
  readonly http: OAuthHttp;
  readonly discovery: Discovery;
  readonly clients: Clients;
  /** Value of the Secret that a resource's grant names. */
  readonly secretOf: (tenant: string, grant: GrantRecord) => Promise<string | undefined>;
  readonly onNotice: () => void;
  readonly log: Logger;
}

interface Flow {
  readonly verifier: string;
  readonly as: ReturnType<typeof knownServer>;
  readonly client: OAuthClient;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly origin: string;
}

/** Makes them. */
export function createConnections(options: ConnectionOptions): Connections {
  const { store, envelope, http, discovery, clients, log } = options;
  const rows = rowSealer(store, envelope);

  /** A tool server that people connect, by its name. */
  const serverOf = async (tenant: string, name: string): Promise<{ grant: GrantRecord; auth: AuthSpec }> => {
    const grant = await store.inTenant(checkedTenant(tenant), (tx) => tx.grantNamed('ToolServer', name));
    const auth = grant === undefined ? undefined : authOf(grant);
    if (grant === undefined || auth?.type !== 'OAuth') {
      throw new GatewayError('not_found', 'There is no such tool server to connect.');
    }
    return { grant, auth };
  };

  return {
    async begin(tenant, user, server, asked) {
      named(user);
      const { grant, auth } = await serverOf(tenant, server);
      const { uid, url, allowPrivate, origin } = grant;
      // The server may have moved to another authorization server: that is often why a person is here.
      const { as, resource, scopes: wanted } = await discovery({ url, allowPrivate, auth }, true);
      if (as.authorization_endpoint === undefined || as.token_endpoint === undefined) {
        throw new GatewayError('upstream_invalid', 'The authorization server has no endpoint to connect at.');
      }
      // OAuth 2.1 and MCP: a server that does not announce S256 may take the code from whoever stole it.
      if (!as.code_challenge_methods_supported?.includes('S256')) {
        throw new GatewayError('unsupported', 'The authorization server does not announce PKCE with S256.');
      }
      const secret = await options.secretOf(tenant, grant);
      const client = await clients.clientAt(as, { tenant, uid, auth, allowPrivate, secret });
      const held = await store.grant(tenant, uid, user);
      const own = auth.scopes.length > 0 ? auth.scopes : wanted;
      const offline = as.scopes_supported?.includes('offline_access') === true ? ['offline_access'] : [];
      const before = held?.issuer === as.issuer ? held.scopes : [];
      const lacked = readScopes(asked.join(' '));
      const scopes = [...new Set([...own, ...before, ...lacked, ...offline])].slice(0, MAX_SCOPES);

      const verifier = oauth.generateRandomCodeVerifier();
      const state = oauth.generateRandomState();
      const id = idOf(state);
      const redirectUri = clients.redirectUri(callbackOf(as, auth));
      const flow: Flow = { verifier, as: knownServer(as), client, resource, scopes, redirectUri, origin };
      const row = await rows.seal(tenant, flowPlace(id, user, uid), flow);
      await store.addFlow(tenant, { id, user, uid, expiresAtMs: Date.now() + FLOW_MS, ...row }, MAX_FLOWS);

      const target = new URL(as.authorization_endpoint);
      const params = {
        response_type: 'code',
        client_id: client.clientId,
        redirect_uri: redirectUri,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        resource,
        ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      };
      for (const [name, value] of Object.entries(params)) target.searchParams.set(name, value);
      return { authorizationUrl: target.href, issuer: as.issuer };
    },

    async complete(tenant, user, answer) {
      named(user);
      const id = idOf(answer.state);
      // Taken out before anything is done with it: neither the state nor its code is good for a second try.
      const row = await store.takeFlow(checkedTenant(tenant), id, user);
      if (row === undefined || row.expiresAtMs < Date.now()) {
        const why = 'This connection was not begun by you here, has been ended already, or took too long.';
        throw new GatewayError('permission_denied', why);
      }
      const flow = await rows.open<Flow>(tenant, flowPlace(id, user, row.uid), row);
      const grant = await store.inTenant(tenant, (tx) => tx.grant('ToolServer', row.uid));
      const auth = grant === undefined ? undefined : authOf(grant);
      if (grant === undefined || auth?.type !== 'OAuth' || grant.origin !== flow.origin) {
        throw new GatewayError('conflict', 'The tool server was changed meanwhile. Connect it anew.');
      }
      const { as, client, resource, redirectUri } = flow;
      if (clients.redirectUri(answer.callback) !== redirectUri) throw foreign();
      const { allowPrivate, uid, origin, resourceName } = grant;
      const params = validated(as, client, answer);
      const call = requestOptions(http, allowPrivate);
      const tokens = await readTokens(
        oauth.authorizationCodeGrantRequest(
          as,
          { client_id: client.clientId },
          authenticationOf(as, client),
          params,
          redirectUri,
          flow.verifier,
          { ...call, additionalParameters: { resource } },
        ),
        (response) => oauth.processAuthorizationCodeResponse(as, { client_id: client.clientId }, response),
      ).catch(async (error: unknown) => {
        // Its registration is gone there: the next connection registers anew.
        if (isUnknownClient(error)) await clients.forget(tenant, uid, as.issuer);
        throw error;
      });
      const { accessToken, refreshToken, expiresAtMs } = tokens;
      const scopes = tokens.scopes ?? flow.scopes;
      const content: GrantContent = { accessToken, refreshToken, client, as, resource };
      const place = { uid, user, origin, issuer: as.issuer };
      const sealed = await rows.seal(tenant, grantPlace(place), content);
      const event = recordGrant(tenant, 'grants.connect', { ...place, resourceName }, { scopes });
      await store.connect(tenant, { ...place, resourceName, scopes, expiresAtMs, ...sealed }, event);
      options.onNotice();
      return { server: resourceName, scopes };
    },

    async list(tenant, user) {
      named(user);
      const held = await store.grantsOf(checkedTenant(tenant), user);
      const servers = await store.inTenant(tenant, (tx) => tx.connectable(500));
      return servers.map((server): ConnectionState => {
        const grant = held.find(({ uid }) => uid === server.uid);
        const good = grant !== undefined && !grant.ended && grant.origin === server.origin;
        const state = grant === undefined ? 'none' : good ? 'connected' : 'ended';
        return { server: server.resourceName, origin: server.origin, state, grant };
      });
    },

    async disconnect(tenant, user, name) {
      named(user);
      const { grant: server } = await serverOf(tenant, name);
      const { uid, resourceName } = server;
      const event = recordGrant(tenant, 'grants.disconnect', { uid, user, resourceName }, {});
      const grant = await store.remove(tenant, uid, user, event);
      if (grant === undefined) throw new GatewayError('not_found', 'There is no such connection.');
      options.onNotice();
      // Gone here whatever its issuer says; that it still may live there is told to the person.
      const revokedUpstream = await revoke(tenant, server, grant).catch((error: unknown) => {
        log.warn('a grant could not be revoked at its issuer', { reference: grantReference(grant), error });
        return false;
      });
      return { revokedUpstream };
    },
  };

  /** RFC 7009: the refresh token, with which its access tokens end; both where there is no refresh token. */
  async function revoke(tenant: string, { allowPrivate }: GrantRecord, grant: GrantRow): Promise<boolean> {
    const content = await rows.open<GrantContent>(tenant, grantPlace(grant), grant);
    const { as, client, accessToken, refreshToken } = content;
    if (as.revocation_endpoint === undefined) return false;
    const call = requestOptions(http, allowPrivate);
    for (const token of [refreshToken, accessToken]) {
      if (token === undefined) continue;
      const who = { client_id: client.clientId };
      const answer = await oauth.revocationRequest(as, who, authenticationOf(as, client), token, call);
      await oauth.processRevocationResponse(answer);
    }
    return true;
  }
}

/** The record of something that happened to a grant. */
export function recordGrant(
  tenant: string,
  action: string,
  grant: { readonly uid: string; readonly user: string; readonly resourceName: string },
  change: Record<string, unknown>,
): WaitingRecord {
  const { uid, user, resourceName: name } = grant;
  return recordOf(tenant, {
    action,
    target: { kind: isSignInGrant(uid) ? 'IdentityProvider' : 'ToolServer', name, uid, user },
    change,
    actor: { principalKind: 'user', principalId: `user:${user}`, user },
  });
}

function idOf(state: string): string {
  return createHash('sha256').update(state).digest('base64url');
}

function flowPlace(id: string, user: string, uid: string): Place {
  return ['oauth-flow', id, user, uid];
}

function named(user: string): void {
  if (user === '') throw new GatewayError('permission_denied', 'Only a person can connect a tool server.');
}
