import { create } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import { ListConsentsResponseSchema, LookResponseSchema } from '@sallyport/proto/identity/v1/sessions_pb';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { Connection_State, ListConnectionsResponseSchema } from '@sallyport/proto/vault/v1/grants_pb';
import type { Clients } from '../clients.ts';
import type { Answer } from './vault.ts';

/** Somebody whom a fake identity provider signed in. */
export interface FakeSession {
  readonly id: string;
  readonly tenant: string;
  readonly user: string;
  teams: string[];
}

/** Identity's and vault's side of a person's own pages, from memory. */
export function fakePeople(answer: Answer) {
  const held = new Map<string, FakeSession>();
  const state = { providers: ['people'], away: false };
  const sessions: Clients['sessions'] = {
    listProviders: async (request) =>
      ({ tenant: request.tenant || 'acme', providers: state.away ? [] : state.providers }) as never,
    beginSignIn: (request) =>
      answer(
        'beginSignIn',
        request,
        () =>
          ({ url: 'https://idp.example/authorize?state=s', cookie: 'sallyport-oauth-sign-in=b; Path=/oauth' }) as never,
      ),
    async look(request) {
      if (state.away) throw new GatewayError('internal', 'The database is away.');
      const found = held.get(request.cookie ?? '');
      if (found === undefined) return create(LookResponseSchema);
      const { id, tenant, user, teams } = found;
      return create(LookResponseSchema, {
        session: { id, tenant, user, provider: 'people', startedAtMs: 1, usedAtMs: 2, expiresAtMs: 3 },
        principal: {
          tenant,
          kind: Principal_Kind.USER,
          id: `user:${user}`,
          name: user,
          user,
          teams,
          role: Principal_Role.MEMBER,
          sessionId: id,
        },
        formToken: `form token of ${id}`,
      });
    },
    listSessions: (request) =>
      answer(
        'listSessions',
        request,
        () =>
          ({
            sessions: [...held.values()].map((one) => ({ ...one, provider: 'people', startedAtMs: 1, usedAtMs: 2 })),
          }) as never,
      ),
    endSession: (request) =>
      answer('endSession', request, () => {
        for (const [cookie, one] of held) if (one.id === request.id && one.user === request.user) held.delete(cookie);
        return { ended: true } as never;
      }),
  };
  const consents: Clients['consents'] = {
    listConsents: (request) =>
      answer('listConsents', request, () =>
        create(ListConsentsResponseSchema, {
          consents: [{ client: 'editor', name: 'The <editor>', scopes: ['mcp'], sinceMs: 1, usedAtMs: 2, grants: 1 }],
        }),
      ),
    withdrawConsent: (request) => answer('withdrawConsent', request, () => ({ grants: 1 }) as never),
  };
  const connections: Clients['connections'] = {
    listConnections: (request) =>
      answer('listConnections', request, () =>
        create(ListConnectionsResponseSchema, {
          signIns: [{ server: 'people', issuer: 'https://idp.example', connectedAtMs: 1 }],
          connections: [
            { server: 'desk', origin: 'https://desk.example:443', state: Connection_State.NONE },
            {
              server: 'mail',
              origin: 'https://mail.example:443',
              state: Connection_State.CONNECTED,
              issuer: 'https://as.example',
            },
          ],
        }),
      ),
    begin: (request) =>
      answer(
        'begin',
        request,
        () => ({ authorizationUrl: 'https://as.example/authorize?a=1&b=2', issuer: 'https://as.example' }) as never,
      ),
    complete: (request) => answer('complete', request, () => ({ server: 'desk', scopes: ['read'] }) as never),
    disconnect: (request) => answer('disconnect', request, () => ({ revokedUpstream: true }) as never),
  };
  return {
    clients: { sessions, consents, connections },
    state,
    held,
    /** Somebody's session; gives the cookie. */
    signIn(user: string, options: { readonly teams?: string[]; readonly tenant?: string } = {}): string {
      const cookie = `acme.${'x'.repeat(42)}${held.size}`;
      const { teams = [], tenant = 'acme' } = options;
      held.set(cookie, { id: `s${held.size}`, tenant, user, teams });
      return cookie;
    },
  };
}
