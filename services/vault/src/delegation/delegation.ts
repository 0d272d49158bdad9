import { randomUUID } from 'node:crypto';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { subjectsOf } from '@sallyport/peers/revoked';
import { actorOf, isListing, type LeasePrincipal, type LeaseToken } from '../leasing.ts';
import { type AuthSpec, authOf } from '../oauth/auth-spec.ts';
import { createHeeding } from '../oauth/heeding.ts';
import { recordOf, type WaitingRecord } from '../outbox.ts';
import { ownerText } from '../owner.ts';
import type { GrantRecord } from '../vault-store.ts';
import {
  type Delegate,
  type DelegationSources,
  type DelegationType,
  type DelegationWanted,
  isDelegation,
} from './adapter.ts';
import { onBehalfOf } from './entra.ts';
import { byIdentityAssertion } from './identity-assertion.ts';
import { noPerson } from './refusals.ts';
import type { KeptToken, TokenCache } from './token-cache.ts';
import { byTokenExchange } from './token-exchange.ts';

/** What tokens in people's names are had with. */
export interface DelegationOptions extends DelegationSources {
  readonly cache: TokenCache;
  /** Whether the cache may be used now. */
  readonly known: () => boolean;
  /** Called before a token is asked for: from then on it has to be heard whether it still may be used. */
  readonly listen: () => Promise<void>;
  readonly secretOf: (tenant: string, grant: GrantRecord) => Promise<string | undefined>;
  /** Where a person of a tenant signs in at a provider; undefined: nowhere that is known. */
  readonly signInLink: (tenant: string, provider: string) => string | undefined;
  /** Writes down that a token was asked for. */
  readonly record: (tenant: string, record: WaitingRecord) => Promise<void>;
  /** Told of each attempt: `ok`, or the code of the error. */
  readonly onAsked: (type: DelegationType, outcome: string) => void;
  readonly log: Logger;
}

/** The adapters, by `auth.type`. */
export const ADAPTERS: Readonly<Record<DelegationType, Delegate>> = {
  TokenExchange: byTokenExchange,
  EntraOnBehalfOf: onBehalfOf,
  IdentityAssertion: byIdentityAssertion,
};

/**
 * Leases tokens that are had in a person's name. Where one is refused there is none: neither the caller's token, which never
 * comes here, nor another person's, nor one of the service. What is in memory is one person's, through the same chain of who
 * acts, for one tool server at one host.
 */
export function createDelegation(options: DelegationOptions): LeaseToken {
  const { cache, log } = options;
  const asking = new Map<string, Promise<KeptToken>>();
  const heeds = createHeeding();

  /** Whether the sign-in that a token was had by is still there. */
  const stands = async (type: DelegationType, tenant: string, person: LeasePrincipal, auth: AuthSpec) => {
    if (type === 'TokenExchange') return true;
    const issuer = type === 'EntraOnBehalfOf' ? auth.issuer : auth.identityIssuer;
    return await options.subjects.stands(tenant, person, issuer ?? '');
  };

  /** Tools are listed with the token of whoever called last: definitions are the same for all, and pinned. */
  const forListing = async (
    type: DelegationType,
    tenant: string,
    server: GrantRecord,
    auth: AuthSpec,
    refused: string,
  ) => {
    if (!options.known()) return undefined;
    for (const [key, token] of cache.latest(tenant, resourceOf(server))) {
      if (token.reference === refused) continue;
      if (await stands(type, tenant, token.person, auth)) return token;
      cache.delete(key);
    }
    return undefined;
  };

  const ask = async (
    key: string,
    type: DelegationType,
    asked: Omit<DelegationWanted, 'secret'>,
  ): Promise<KeptToken> => {
    await options.listen();
    const { tenant, server, person } = asked;
    let epoch = cache.epoch();
    const tell = async (outcome: string) => {
      await options.record(tenant, recordOfExchange(type, asked, outcome));
    };
    try {
      const wanted = { ...asked, secret: await options.secretOf(tenant, server) };
      let given = await ADAPTERS[type](wanted, options);
      // Something was revoked meanwhile: asked again, who has ended is refused.
      if (epoch !== cache.epoch()) {
        epoch = cache.epoch();
        given = await ADAPTERS[type](wanted, options);
      }
      const reference = `${type}:${person.user}/${server.resourceName}#${randomUUID().slice(0, 8)}`;
      const token: KeptToken = {
        ...given,
        reference,
        tenant,
        person,
        resource: resourceOf(server),
        subjects: subjectsOf({ client: '', sessionId: '', actors: [], ...person }),
      };
      // Durable before it can be used: who acts in whose name must not be known to nobody.
      await tell('ok');
      // Unless nobody would hear that it is revoked.
      if (options.known()) cache.put(key, token, epoch);
      options.onAsked(type, 'ok');
      return token;
    } catch (caught) {
      const error = asGatewayError(caught);
      options.onAsked(type, error.code);
      log.warn('no token could be had in the name of a person', { tenant, type, server: server.resourceName, error });
      if (error.code === 'upstream_credentials') await tell(String(error.details?.oauth ?? error.details?.missing));
      throw withLink(error, (provider) => options.signInLink(tenant, provider));
    }
  };

  return async (tenant, server, { principal, refused = '' }) => {
    const auth = authOf(server);
    const type = auth?.type;
    if (auth === undefined || type === undefined || !isDelegation(type)) {
      throw new Error('this grant is no delegation');
    }
    if (principal !== undefined && isListing(principal)) {
      const last = await forListing(type, tenant, server, auth, refused);
      if (last !== undefined) return leaseOf(last, auth.scopes);
    }
    if (principal === undefined || principal.user === '') throw noPerson(server.resourceName);
    const key = keyOf(tenant, server, principal);
    const held = options.known() ? cache.get(key) : undefined;
    if (held !== undefined) {
      const replaced = held.reference === refused && heeds(key);
      if (!replaced && (await stands(type, tenant, principal, auth))) return leaseOf(held, auth.scopes);
      cache.delete(key);
    }
    let pending = asking.get(key);
    if (pending === undefined) {
      const mine = ask(key, type, { tenant, server, auth, person: principal }).finally(() => asking.delete(key));
      asking.set(key, mine);
      pending = mine;
    }
    return leaseOf(await pending, auth.scopes);
  };
}

/** The same error with where the person can go, where they can help. */
function withLink(error: GatewayError, linkTo: (provider: string) => string | undefined): GatewayError {
  const { code, message, details } = error;
  const link = details?.missing === 'sign-in' ? linkTo(String(details.provider)) : undefined;
  return link === undefined ? error : new GatewayError(code, message, { cause: error, details: { ...details, link } });
}

function leaseOf({ value, reference, expiresAtMs, scopes, person }: KeptToken, asked: readonly string[]) {
  const owner = ownerText({ kind: 'user', name: person.user });
  return { value, reference, expiresAtMs, scopes: scopes ?? asked, owner };
}

/** All that a token is of. `auth` is in it: what is asked for elsewhere, or for another audience, is another token. */
function keyOf(tenant: string, server: GrantRecord, person: LeasePrincipal): string {
  const { id, user, userSinceMs = 0, client, sessionId } = person;
  return JSON.stringify([tenant, resourceOf(server), user, userSinceMs, id, client, sessionId, actorsOf(person)]);
}

/** The part of the key that is no person's. */
function resourceOf({ uid, origin, url, auth, ref }: GrantRecord): string {
  return JSON.stringify([uid, origin, url, auth, ref]);
}

function actorsOf({ actors = [] }: LeasePrincipal): string[] {
  return actors.map(({ id }) => id);
}

function recordOfExchange(
  type: DelegationType,
  wanted: Omit<DelegationWanted, 'secret'>,
  outcome: string,
): WaitingRecord {
  const { tenant, server, auth, person } = wanted;
  const { issuer, identityIssuer, audience, resource, scopes } = auth;
  return recordOf(tenant, {
    action: 'credentials.delegate',
    target: { kind: 'ToolServer', name: server.resourceName, uid: server.uid },
    change: {
      adapter: type,
      subject: `user:${person.user}`,
      actors: [person.id, ...actorsOf(person)].filter((id) => id !== `user:${person.user}`),
      audience: audience ?? resource ?? server.url,
      issuer,
      ...(identityIssuer === undefined ? {} : { identityIssuer }),
      scopes,
      outcome,
    },
    actor: actorOf(person, 'mcp-broker'),
  });
}
