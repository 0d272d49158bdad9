import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { type HostTenants, tenantOfHost } from '@sallyport/peers/host-tenant';
import { isOwnPage } from '@sallyport/peers/own-pages';
import type { SessionService } from '@sallyport/proto/identity/v1/sessions_pb';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { accountOf } from '../oauth/account.ts';
import type { OAuthKeys } from '../oauth/keys.ts';
import type { UpstreamSignIn } from '../oauth/upstream.ts';
import type { TokenPrincipal } from '../tokens/token-principal.ts';
import type { LookAtPerson } from './person-now.ts';
import type { BrowserSession, SessionStore } from './session-store.ts';

/** What SessionService works with. */
export interface SessionServiceOptions extends HostTenants {
  readonly sessions: SessionStore;
  readonly upstream: Pick<UpstreamSignIn, 'providersOf' | 'begin'>;
  readonly look: LookAtPerson;
  readonly keys: Pick<OAuthKeys, 'token'>;
  /** Told who looks at a page: the first admin by a provider ends the bootstrap key. */
  readonly onSeen: (principal: TokenPrincipal) => void;
  /** Told that notices were written. */
  readonly onNotice: () => void;
}

const FORM_TOKEN = 'browser session form';

/** SessionService over the store and the sign-in upstream. */
export function sessionService(options: SessionServiceOptions): ServiceImpl<typeof SessionService> {
  const { sessions, upstream, look, keys, onNotice } = options;
  return {
    async listProviders({ tenant, host }) {
      const meant = tenant || tenantOfHost(options, host);
      return { tenant: meant, providers: upstream.providersOf(meant) };
    },
    async beginSignIn({ tenant, provider, page }) {
      if (!isOwnPage(page)) throw new GatewayError('invalid_request', 'A sign-in cannot lead there.');
      return upstream.begin(tenant, provider, { page });
    },
    async look({ cookie }) {
      const session = await sessions.look(cookie);
      if (session === undefined) return {};
      const { person, provider } = session;
      // The resource that the sign-in stood on is gone, or lets nobody sign in any more.
      if (!upstream.providersOf(person.tenant).includes(provider)) return {};
      const now = await look(person.tenant, person.name);
      const principal: TokenPrincipal = {
        tenant: person.tenant,
        kind: Principal_Kind.USER,
        id: accountOf(person.name),
        name: now.displayName || person.name,
        user: person.name,
        teams: [...now.teams],
        userTeams: [...now.teams],
        userSinceMs: now.userSinceMs ?? 0,
        ownedTeams: [...now.ownedTeams],
        role: now.role,
        claimsJson: now.claimsJson,
        identityProvider: provider,
        sessionId: session.id,
        expiresAtMs: session.expiresAtMs,
        revision: session.id,
      };
      options.onSeen(principal);
      return { session: messageOf(session), principal, formToken: keys.token(FORM_TOKEN, cookie) };
    },
    async listSessions({ tenant, user }) {
      return { sessions: (await sessions.listOf(tenant, named(user))).map(messageOf) };
    },
    async endSession({ tenant, user, id, reason, by }) {
      const ended = await sessions.end(tenant, named(user), id, { reason: reason || 'signed out', by });
      if (ended) onNotice();
      return { ended };
    },
  };
}

function messageOf({ id, person, provider, startedAtMs, usedAtMs, expiresAtMs }: BrowserSession) {
  return { id, tenant: person.tenant, user: person.name, provider, startedAtMs, usedAtMs, expiresAtMs };
}

/** Nobody's sessions are everybody's to somebody without a name. */
function named(user: string): string {
  if (user === '') throw new GatewayError('invalid_request', 'The person is missing.');
  return user;
}
