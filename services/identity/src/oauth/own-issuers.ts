import type { SigningKeys } from '@sallyport/chassis/signing-keys';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import type { Directory } from '../directory/directory.ts';
import type { LookAtPerson, PersonNow } from '../sessions/person-now.ts';
import type { TokenIssuer } from '../tokens/authenticate-token.ts';
import type { KeySet } from '../tokens/key-sets.ts';
import type { Token } from '../tokens/token.ts';
import { TokenFault } from '../tokens/token-fault.ts';
import type { TokenPrincipal } from '../tokens/token-principal.ts';
import { userOf } from './account.ts';
import { actorsOf, type IsThere } from './actors.ts';
import type { DeclaredClient } from './clients.ts';
import type { GrantFacts, GrantStore } from './grant-store.ts';
import type { Issuers } from './issuers.ts';

/** What our own tokens are made principals with. */
export interface OwnIssuersOptions {
  readonly publicUrl: string;
  readonly issuers: Pick<Issuers, 'bases' | 'clients'>;
  readonly signing: SigningKeys;
  readonly grants: Pick<GrantStore, 'alive'>;
  readonly directory: Pick<Directory, 'standingOf'>;
  readonly look: LookAtPerson;
  readonly isThere: IsThere;
}

/** Our issuers with an `iss`, under the rules that they have at an endpoint. */
export type OwnIssuers = (iss: string, endpoint: string) => readonly TokenIssuer[];

const PATHS: Readonly<Record<string, readonly string[]>> = {
  mcp: ['/mcp'],
  a2a: ['/a2a'],
  admin: ['/admin/v1'],
};
const MODEL_PATHS = ['/v1', '/anthropic'];
const MAX_AGE_SECONDS = 900;

/** Makes our issuers: a token of one tenant means nothing to another, nor a token for tools where models are called. */
export function ownIssuers(options: OwnIssuersOptions): OwnIssuers {
  const prefix = `${options.publicUrl}/oauth/`;
  const keys: KeySet = {
    find: async (kid) => options.signing.published.keys.filter((key) => key.kid === kid) as never,
    look: async () => ({ reachable: true, keys: options.signing.keys.length }),
  };
  return (iss, endpoint) => {
    if (!iss.startsWith(prefix)) return [];
    const tenant = iss.slice(prefix.length);
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(tenant)) return [];
    const paths = PATHS[endpoint] ?? MODEL_PATHS;
    const audiences = options.issuers.bases(tenant).flatMap((base) => paths.map((path) => `${base}${path}`));
    const rules = {
      issuer: iss,
      audiences,
      algorithms: ['ES256'],
      tokenTypes: ['at+jwt'],
      clockSkewSeconds: 5,
      maxTokenAgeSeconds: MAX_AGE_SECONDS,
      requiredClaims: {},
      authorizedParties: [],
      delegated: true,
    };
    return [{ rules, keys, principalOf: (token) => principalOfOwn(tenant, endpoint, token, options) }];
  };
}

async function principalOfOwn(
  tenant: string,
  endpoint: string,
  { claims }: Token,
  options: OwnIssuersOptions,
): Promise<TokenPrincipal> {
  const { sid, client_id: clientId, sub } = claims as Record<string, string>;
  const grant = typeof sid === 'string' ? await options.grants.alive(tenant, sid) : undefined;
  if (grant === undefined || typeof clientId !== 'string') throw new TokenFault('ended');
  // What somebody let a client do, another may do only where it was exchanged for it.
  if (grant.client !== clientId && claims.act === undefined) throw new TokenFault('ended');
  const declared = options.issuers.clients.declared(tenant, clientId);
  if (declared?.spec.disabled === true) throw new TokenFault('disabled-client');
  const actors = await actorsOf(tenant, claims.act, options);
  const common: TokenPrincipal = {
    tenant,
    sessionId: grant.id,
    identityProvider: grant.identityProvider,
    expiresAtMs: Number(claims.exp) * 1000,
    revision: grant.id,
    actors,
    ...clientFields(clientId, declared),
    ...scopeFields(String(claims.scope ?? ''), endpoint),
  };
  const user = userOf(String(sub));
  if (user === undefined) return ofClient(common, String(sub), declared);
  if (grant.user !== user) throw new TokenFault('ended');
  const now = await options.look(tenant, user);
  if (!options.isThere(tenant, { ...now, heirSinceMs: now.userSinceMs }, grant.createdAtMs))
    throw new TokenFault('ended');
  return ofPerson(common, grant, now);
}

function ofClient(common: TokenPrincipal, sub: string, declared: DeclaredClient | undefined): TokenPrincipal {
  // Only declared clients act for themselves.
  if (declared === undefined || sub !== `client:${declared.id}`) throw new TokenFault('undeclared-client');
  return {
    ...common,
    kind: Principal_Kind.CLIENT,
    id: `client:${declared.name}`,
    name: declared.spec.displayName ?? declared.name,
    teams: declared.spec.teams,
    role: Principal_Role.MEMBER,
  };
}

function ofPerson(common: TokenPrincipal, { user }: GrantFacts, now: PersonNow): TokenPrincipal {
  const { teams, ownedTeams, role, claimsJson, userSinceMs } = now;
  return {
    ...common,
    kind: Principal_Kind.USER,
    id: `user:${user}`,
    name: user,
    user,
    teams: [...teams],
    userTeams: [...teams],
    userSinceMs: userSinceMs ?? 0,
    ownedTeams: [...ownedTeams],
    role,
    claimsJson,
  };
}

function clientFields(clientId: string, declared: DeclaredClient | undefined): TokenPrincipal {
  if (declared === undefined) return { client: clientId };
  const { instructionAuthority, origin } = declared.spec;
  return {
    client: declared.name,
    origin: origin ?? '',
    instructionAuthority: {
      systemAuthored: instructionAuthority?.system === 'Authored',
      userTyped: instructionAuthority?.user === 'Typed',
    },
  };
}

/** Scopes as bounds of a principal. A token without a scope for its endpoint means nothing there. */
function scopeFields(scope: string, endpoint: string): TokenPrincipal {
  const scopes = scope.split(' ');
  const named = (kind: string) =>
    scopes.flatMap((one) => (one.startsWith(`${kind}:`) ? [one.slice(kind.length + 1)] : []));
  if (endpoint === 'mcp' || endpoint === 'a2a') {
    const tools = named('tool');
    if (!scopes.includes('mcp') && tools.length === 0) throw new TokenFault('scope');
    return { endpoints: [endpoint], tools: scopes.includes('mcp') ? [] : tools };
  }
  if (endpoint === 'admin') {
    if (!scopes.includes('admin')) throw new TokenFault('scope');
    return { endpoints: ['admin'] };
  }
  const models = named('model');
  if (!scopes.includes('models') && models.length === 0) throw new TokenFault('scope');
  return { models: scopes.includes('models') ? [] : models };
}
