import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import type Provider from 'oidc-provider';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { AdminRecords } from '../admin-records.ts';
import type { AuthenticateToken } from '../tokens/authenticate-token.ts';
import { accountOf, userOf } from './account.ts';
import { type Act, chainOf, MAX_ACTORS } from './actors.ts';
import { TOKEN_EXCHANGE } from './client-metadata.ts';
import type { DeclaredClient } from './clients.ts';
import type { GrantStore } from './grant-store.ts';
import { ACCESS_SECONDS, scopesOfClient } from './issuer.ts';
import type { Issuers } from './issuers.ts';
import type { ReadOwnToken } from './presented-tokens.ts';
import { covers, scopesAt } from './vocabulary.ts';

/** What token exchange stands on. */
export interface ExchangeOptions {
  readonly issuers: Pick<Issuers, 'bases' | 'clients' | 'issuerOf'>;
  readonly grants: Pick<GrantStore, 'alive' | 'save'>;
  readonly readOwnToken: ReadOwnToken;
  /** Verifies tokens of IdentityProviders. */
  readonly authenticateToken: AuthenticateToken;
  readonly isActive: (tenant: string, user: string, sinceMs?: number) => Promise<boolean>;
  /** `act` of tokens that are being made. */
  readonly acts: WeakMap<object, Act>;
  readonly records: AdminRecords;
  readonly now?: () => number;
}

/** Whom an exchange is about. */
interface Subject {
  readonly user: string;
  /** Name of the Client or IdentityProvider that the token is of. */
  readonly of: string;
  /** What it may do; undefined where its issuer has no scopes of ours. */
  readonly scopes: readonly string[] | undefined;
  readonly act: Act | undefined;
  readonly expiresAtSeconds: number;
  /** The grant that it stands on; undefined for tokens of others. */
  readonly sid: string | undefined;
  readonly identityProvider: string;
}

const TYPE = 'urn:ietf:params:oauth:token-type:';
const ACCEPTED = [`${TYPE}access_token`, `${TYPE}jwt`];
const PARAMETERS = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'audience',
  'resource',
  'scope',
];

/** Endpoint under which tokens of IdentityProviders are verified for an exchange. */
export const EXCHANGE_ENDPOINT = 'oauth';

/** Adds token exchange (RFC 8693) to an issuer: less scope, never longer, and the chain of who acts only grows. */
export function addExchange(provider: Provider, tenant: string, options: ExchangeOptions): void {
  const handler = async (ctx: KoaContextWithOIDC) => {
    const { params = {}, client } = ctx.oidc;
    if (client === undefined) throw new errors.InvalidClientAuth('no client');
    const declared = options.issuers.clients.declared(tenant, client.clientId);
    const allowed = declared?.spec.mayExchange;
    if (declared === undefined || allowed === undefined)
      throw new errors.UnauthorizedClient('The client may not exchange tokens.');
    const given = (name: string) => (params[name] === undefined ? undefined : String(params[name]));
    const requested = given('requested_token_type');
    if (requested !== undefined && !ACCEPTED.includes(requested)) {
      throw new errors.InvalidRequest('Only access tokens are given.');
    }
    const subject = await subjectOf(tenant, given('subject_token'), given('subject_token_type'), options);
    if (!allowed.subjects.includes('*') && !allowed.subjects.includes(subject.of)) throw refusedSubject();
    const resource = targetOf(params, allowed.audiences);
    const scope = scopeOf({ tenant, resource, wanted: given('scope'), subject, clientId: client.clientId }, options);
    const act: Act = {
      sub: await actorOf(tenant, declared, given('actor_token'), given('actor_token_type'), options),
      ...(subject.act === undefined ? {} : { act: subject.act }),
    };
    if (chainOf(act) === undefined) throw new errors.InvalidRequest(`A chain has at most ${MAX_ACTORS} actors.`);

    const nowSeconds = Math.floor((options.now ?? Date.now)() / 1000);
    const expiresIn = Math.min(ACCESS_SECONDS, subject.expiresAtSeconds - nowSeconds);
    if (expiresIn < 1) throw new errors.InvalidGrant('The subject token has expired.');
    const sid = subject.sid ?? (await ownGrant(tenant, client.clientId, subject, scope, options));
    const token = new provider.AccessToken({
      accountId: accountOf(subject.user),
      client,
      grantId: sid,
      gty: 'token_exchange',
      expiresIn,
      scope: scope.join(' '),
    } as never);
    const server = { audience: resource, scope: scope.join(' '), accessTokenTTL: expiresIn, accessTokenFormat: 'jwt' };
    token.resourceServer = new provider.ResourceServer(resource, server as never);
    options.acts.set(token, act);
    ctx.oidc.entity('AccessToken', token);
    // Recorded before anybody has the token.
    await options.records.add(tenant, {
      action: 'tokens.exchange',
      by: `client:${declared.name}`,
      user: subject.user,
      client: declared.name,
      target: { subject: subject.user, of: subject.of, resource, scope, act, session: sid, expiresIn },
    });
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: `${TYPE}access_token`,
      token_type: 'Bearer',
      expires_in: expiresIn,
      scope: scope.join(' '),
    };
  };
  provider.registerGrantType(TOKEN_EXCHANGE, handler as never, PARAMETERS, ['audience', 'resource']);
}

async function subjectOf(
  tenant: string,
  token: string | undefined,
  type: string | undefined,
  { issuers, readOwnToken, grants, authenticateToken, isActive }: ExchangeOptions,
): Promise<Subject> {
  if (token === undefined || type === undefined) {
    throw new errors.InvalidRequest('subject_token and subject_token_type are needed.');
  }
  if (!ACCEPTED.includes(type)) throw new errors.InvalidRequest('A subject token of this type is not taken.');
  const own = await readOwnToken(issuers.issuerOf(tenant), token);
  if (own !== undefined) {
    const user = userOf(own.sub);
    const grant = await grants.alive(tenant, own.sid);
    if (
      user === undefined ||
      grant === undefined ||
      grant.user !== user ||
      !(await isActive(tenant, user, grant.createdAtMs))
    )
      throw refusedSubject();
    const client = issuers.clients.declared(tenant, own.client_id);
    return {
      user,
      of: client?.name ?? own.client_id,
      scopes: (own.scope ?? '').split(' '),
      act: own.act as Act | undefined,
      expiresAtSeconds: own.exp,
      sid: own.sid,
      identityProvider: grant.identityProvider,
    };
  }
  const { principal } = await authenticateToken(token, EXCHANGE_ENDPOINT).catch((error: unknown) => {
    if (error instanceof GatewayError && error.code === 'unauthenticated') throw refusedSubject();
    throw error;
  });
  // A token of an application stands for nobody: there would be no rights to pass on.
  if (principal.tenant !== tenant || principal.kind !== Principal_Kind.USER || !principal.user) throw refusedSubject();
  return {
    user: principal.user,
    of: principal.identityProvider ?? '',
    scopes: undefined,
    act: undefined,
    expiresAtSeconds: Math.floor((principal.expiresAtMs ?? 0) / 1000),
    sid: undefined,
    identityProvider: principal.identityProvider ?? '',
  };
}

/** The one resource that is asked for, by either name (RFC 8693 §2.1). */
function targetOf(params: Readonly<Record<string, unknown>>, allowed: readonly string[]): string {
  const named = [params.resource, params.audience].flat().filter((one) => one !== undefined);
  const [target] = new Set(named.map(String));
  if (target === undefined || new Set(named).size !== 1 || !allowed.includes(target)) {
    throw new errors.InvalidTarget('Name one resource that the client may exchange tokens for.');
  }
  return target;
}

function scopeOf(
  asked: {
    readonly tenant: string;
    readonly resource: string;
    readonly wanted: string | undefined;
    readonly subject: Subject;
    readonly clientId: string;
  },
  { issuers }: ExchangeOptions,
): string[] {
  const { tenant, resource, subject, clientId } = asked;
  const ofClient = scopesOfClient({ tenant, clients: issuers.clients }, clientId);
  const held = subject.scopes ?? ofClient;
  const wanted = asked.wanted?.split(' ').filter((one) => one !== '');
  const known = scopesAt(resource, wanted ?? held, issuers.bases(tenant));
  if (known === undefined) throw new errors.InvalidTarget('The resource is none of this gateway.');
  const meant = (wanted ?? held).filter((one) => known.includes(one));
  const granted = meant.filter((one) => covers(held, one) && covers(ofClient, one));
  if (granted.length === 0 || (wanted !== undefined && granted.length !== wanted.length)) {
    throw new errors.InvalidScope('More is asked for than the subject token or the client may do.', asked.wanted ?? '');
  }
  return [...new Set(granted)];
}

/** Who acts: the client itself, or whom a token of its own says. */
async function actorOf(
  tenant: string,
  client: DeclaredClient,
  token: string | undefined,
  type: string | undefined,
  { issuers, readOwnToken, grants }: ExchangeOptions,
): Promise<string> {
  if (token === undefined) {
    if (type !== undefined) throw new errors.InvalidRequest('actor_token_type stands without actor_token.');
    return `client:${client.id}`;
  }
  if (type === undefined || !ACCEPTED.includes(type)) throw new errors.InvalidRequest('actor_token_type is not taken.');
  const own = await readOwnToken(issuers.issuerOf(tenant), token);
  const living = own !== undefined && (await grants.alive(tenant, own.sid)) !== undefined;
  // An actor's token that another client got says nothing of who acts here.
  if (!living || own.client_id !== client.id || own.act !== undefined)
    throw new errors.InvalidGrant('The actor token is not taken.');
  return own.sub;
}

/** What ends the new token, where the subject's issuer is another: it lives as long as the subject's token. */
async function ownGrant(
  tenant: string,
  client: string,
  { user, identityProvider, expiresAtSeconds }: Subject,
  scopes: readonly string[],
  { grants }: ExchangeOptions,
): Promise<string> {
  const id = uuidv7();
  await grants.save(tenant, { id, user, client, identityProvider, scopes, expiresAtMs: expiresAtSeconds * 1000 }, {});
  return id;
}

function refusedSubject(): errors.OIDCProviderError {
  return new errors.InvalidGrant('The subject token is not taken.');
}
