import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type Principal,
  Principal_Kind,
  Principal_Role,
  type PrincipalSchema,
} from '@sallyport/proto/principal/v1/principal_pb';
import type { Directory } from '../directory/directory.ts';
import { hasGroupsElsewhere, isApplication, keptClaims, teamNames } from './claim-shapes.ts';
import type { IsClusterAdmin } from './cluster-admins.ts';
import { serviceAccountOf } from './service-account.ts';
import type { Token } from './token.ts';
import { TokenFault } from './token-fault.ts';
import { authorizedPartyOf } from './token-rules.ts';
import type { DeclaredClient, TrustedIssuer, TrustedIssuers } from './trusted-issuers.ts';

/** A principal before it is a message. */
export type TokenPrincipal = Exclude<MessageInitShape<typeof PrincipalSchema>, Principal>;

/** What tokens are made principals with. */
export interface PrincipalSources {
  readonly clients: Pick<TrustedIssuers, 'clientAt'>;
  readonly directory: Pick<Directory, 'bind' | 'standingByClaims'>;
  /** Told that the groups of a person are not known, because the provider left them out. */
  readonly onGroupsElsewhere: (issuer: TrustedIssuer) => void;
  /** Set where the role matters: whether RBAC of our cluster makes a service account an admin. */
  readonly isClusterAdmin?: IsClusterAdmin | undefined;
}

// Not an object, which would also answer for what all objects have.
const ROLES: ReadonlyMap<string, Principal_Role> = new Map([
  ['Member', Principal_Role.MEMBER],
  ['Auditor', Principal_Role.AUDITOR],
  ['Admin', Principal_Role.ADMIN],
]);

/**
 * The principal of a genuine token: a service account, an application, or a person whom the directory knows or binds now.
 * Throws TokenFault, or GatewayError `unauthenticated` of the directory.
 */
export async function principalOfToken(
  token: Token,
  issuer: TrustedIssuer,
  sources: PrincipalSources,
): Promise<TokenPrincipal> {
  if (issuer.spec.type === 'Kubernetes') return ofServiceAccount(token, issuer, sources);
  return isApplication(token.claims) ? ofApplication(token, issuer, sources) : ofPerson(token, issuer, sources);
}

function common({ claims }: Token, { tenant, provider, uid, generation, spec }: TrustedIssuer): TokenPrincipal {
  return {
    tenant,
    identityProvider: provider,
    // What is accepted within the skew is so everywhere.
    expiresAtMs: Math.floor((Number(claims.exp) + spec.clockSkewSeconds) * 1000),
    claimsJson: keptClaims(claims, spec.mapping.claims),
    role: Principal_Role.MEMBER,
    revision: `${uid}.${generation}`,
  };
}

/** What a declared application brings to what acts through it. */
function through(client: DeclaredClient | undefined): TokenPrincipal {
  if (client === undefined) return {};
  if (client.spec.disabled) throw new TokenFault('disabled-client');
  const { instructionAuthority, origin } = client.spec;
  return {
    client: client.name,
    origin: origin ?? '',
    instructionAuthority: {
      systemAuthored: instructionAuthority?.system === 'Authored',
      userTyped: instructionAuthority?.user === 'Typed',
    },
  };
}

async function ofServiceAccount(
  token: Token,
  issuer: TrustedIssuer,
  { clients, isClusterAdmin }: PrincipalSources,
): Promise<TokenPrincipal> {
  const account = serviceAccountOf(token.claims);
  if (account === undefined) throw new TokenFault('subject');
  const { tenant, provider, spec, mapping } = issuer;
  const allowed = spec.namespaces.length === 0 ? [tenant] : spec.namespaces;
  if (!allowed.includes(account.namespace)) throw new TokenFault('namespace');
  const name = `${account.namespace}/${account.name}`;
  const declared = clients.clientAt(tenant, provider, name);
  // Without an issuer of its own the provider is the cluster that we run in; of other clusters RBAC here says nothing.
  const admin = spec.issuer === undefined && (await isClusterAdmin?.(tenant, account)) === true;
  return {
    ...common(token, issuer),
    ...(admin ? { role: Principal_Role.ADMIN } : {}),
    client: name,
    ...through(declared),
    kind: Principal_Kind.CLIENT,
    id: `client:${name}`,
    name,
    teams: teamNames([...(declared?.spec.teams ?? []), ...(mapping.teams(token.claims) ?? [])]),
  };
}

function ofApplication(token: Token, issuer: TrustedIssuer, { clients }: PrincipalSources): TokenPrincipal {
  const { tenant, provider } = issuer;
  // Its name must be one that somebody declared: an id of the provider's own making could be that of a person here.
  const declared = clients.clientAt(tenant, provider, authorizedPartyOf(token.claims) ?? '');
  if (declared === undefined) throw new TokenFault('undeclared-client');
  return {
    ...common(token, issuer),
    ...through(declared),
    kind: Principal_Kind.CLIENT,
    id: `client:${declared.name}`,
    name: declared.spec.displayName ?? declared.name,
    teams: declared.spec.teams,
  };
}

async function ofPerson(token: Token, issuer: TrustedIssuer, sources: PrincipalSources): Promise<TokenPrincipal> {
  const { tenant, provider, spec, mapping } = issuer;
  const { claims } = token;
  const client = through(sources.clients.clientAt(tenant, provider, authorizedPartyOf(claims) ?? ''));
  const written = mapping.user(claims);
  if (written === undefined || written.trim() === '') throw new TokenFault('person-name');
  const person = await sources.directory.bind({
    tenant,
    provider,
    subject: claims.sub as string,
    name: written,
    ...(typeof claims.name === 'string' ? { displayName: claims.name.slice(0, 256) } : {}),
    linkByName: spec.linkByName,
    issuedAtMs: Number(claims.iat ?? 0) * 1000,
  });
  const elsewhere = hasGroupsElsewhere(claims);
  // Half of somebody's groups would be a guess; none is what is certain.
  if (elsewhere && spec.mapping.teams !== undefined && !person.provisioned) sources.onGroupsElsewhere(issuer);
  const claimed = elsewhere ? [] : teamNames(mapping.teams(claims) ?? []);
  const { teams, ownedTeams } = await sources.directory.standingByClaims(person, claims, claimed);
  return {
    ...common(token, issuer),
    ...client,
    kind: Principal_Kind.USER,
    id: `user:${person.name}`,
    name: person.displayName || person.name,
    user: person.name,
    teams: [...teams],
    userTeams: [...teams],
    userSinceMs: person.heirSinceMs ?? 0,
    ownedTeams: [...ownedTeams],
    role: roleOfPerson(issuer, teams, person.provisioned ? [] : claimed, mapping.role(claims)),
  };
}

/** The role of a person: by the admin groups of their provider, else what its mapping says. */
export function roleOfPerson(
  { spec }: Pick<TrustedIssuer, 'spec'>,
  teams: readonly string[],
  claimed: readonly string[],
  said: string | undefined,
): Principal_Role {
  if ([...teams, ...claimed].some((team) => spec.adminGroups.includes(team))) return Principal_Role.ADMIN;
  return ROLES.get(said ?? '') ?? Principal_Role.MEMBER;
}
