import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { admitted, type Caller } from '../caller.ts';
import type { Clients } from '../clients.ts';
import type { Patience } from '../route.ts';

/** A session of a person whom an identity provider signed in, as it stands now. */
export interface PersonSession {
  readonly id: string;
  readonly tenant: string;
  readonly user: string;
  readonly caller: Caller;
  /** Token of its forms. */
  readonly csrf: string;
}

/** Where people can sign in. */
export interface Providers {
  readonly tenant: string;
  readonly names: readonly string[];
}

/** Sessions of people, which identity keeps. */
export interface PersonSessions {
  /** Whose session a cookie stands for, asked anew at each request; undefined when it has ended. Throws `unavailable`. */
  look(cookie: string, patience: Patience): Promise<PersonSession | undefined>;
  /** Providers of a tenant, or with '' of that of the host; none where that cannot be told now. */
  providers(at: { readonly tenant: string; readonly host: string }, patience: Patience): Promise<Providers>;
  /** Where to send a browser that is to come back to a page, and the cookie that binds it. */
  begin(
    at: { readonly tenant: string; readonly provider: string; readonly page: string },
    patience: Patience,
  ): Promise<{ readonly url: string; readonly cookie: string }>;
  /** Ends a session by the will of its person. */
  end(session: PersonSession, patience: Patience): Promise<void>;
}

/** Asks identity for sessions. */
export function personSessions({ sessions }: Pick<Clients, 'sessions'>): PersonSessions {
  return {
    async look(cookie, patience) {
      try {
        const { session, principal, formToken } = await sessions.look({ cookie }, patience);
        if (session === undefined || principal === undefined || formToken === '') return undefined;
        const { id, tenant, user } = session;
        // An empty tenant or name would read as "all" in the questions that are bounded by them.
        if (!tenant || !user || principal.tenant !== tenant || principal.user !== user) return undefined;
        return { id, tenant, user, caller: admitted(principal), csrf: formToken };
      } catch (error) {
        if (asGatewayError(error).code === 'cancelled') throw error;
        throw new GatewayError('unavailable', 'Sessions cannot be checked now.', { cause: error, retryAfterMs: 1000 });
      }
    },
    async providers(at, patience) {
      try {
        const { tenant, providers } = await sessions.listProviders(at, patience);
        return { tenant, names: providers };
      } catch {
        // The form for a key is there in any case.
        return { tenant: at.tenant, names: [] };
      }
    },
    begin: (at, patience) => sessions.beginSignIn(at, patience),
    async end({ tenant, user, id, caller }, patience) {
      await sessions.endSession({ tenant, user, id, reason: 'signed out', by: caller.principal.id }, patience);
    },
  };
}
