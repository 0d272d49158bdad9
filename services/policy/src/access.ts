import { personName } from '@sallyport/custom-resources/person-name';
import { type AccessGrant, AccessGrant_ClientTools, AccessGrant_ToolList } from '@sallyport/proto/policy/v1/access_pb';
import { type Principal, Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import type { Offering, OfferingCall } from '@sallyport/turn/offering';
import { intersectGlobs, matchesAny, matchesGlob } from './rules/glob.ts';
import type { AccessIndex, TenantRules } from './snapshot/tenant.ts';
import type { AccessPolicyUnit } from './snapshot/units.ts';

/** What one AccessPolicy grants to a principal. */
export type Grant = Pick<
  AccessGrant,
  'policy' | 'models' | 'tools' | 'resources' | 'prompts' | 'endpoints' | 'clientTools' | 'toolList'
> & {
  readonly passthrough?: { provider: string; methods: string[]; paths: string[] }[];
};

/** What somebody else in whose name a principal acts may use themselves: the most that it may use. */
export interface Bound {
  /** Whose it is: "user:<name>", or the actor's id. */
  readonly of: string;
  readonly grants: readonly Grant[];
}

/** What a principal may use: what some grant allows and every bound as well. */
export interface ResolvedAccess {
  readonly grants: readonly Grant[];
  readonly bounds: readonly Bound[];
  /** Tool servers in stage Sandbox, and whether the principal is among their reviewers; absent: there are none. */
  readonly staged?: ReadonlyMap<string, boolean>;
}

/** Who asks, as far as AccessPolicies can tell. */
type Subject = {
  readonly users: readonly string[];
  readonly teams: readonly string[];
  readonly clients: readonly string[];
  readonly keys: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
};

/**
 * What a principal may use: each AccessPolicy that selects it, narrowed by the credential's scope, within what its owner may
 * use and, for a delegated chain, each actor (DESIGN §2). A policy that names a key gives it nothing that its owner has not.
 */
export function resolveAccess(principal: Principal, rules: TenantRules | undefined): ResolvedAccess {
  if (rules === undefined) return { grants: [], bounds: [] };
  // One question about a call asks this two or three times.
  const known = resolved.get(principal);
  if (known?.rules === rules) return known.access;
  const access = resolve(principal, rules);
  resolved.set(principal, { rules, access });
  return access;
}

const resolved = new WeakMap<Principal, { readonly rules: TenantRules; readonly access: ResolvedAccess }>();

function resolve(principal: Principal, rules: TenantRules): ResolvedAccess {
  const { models, tools, endpoints } = principal;
  const grants = policiesOf(rules.access, subjectOf(principal))
    .map((policy) => narrow(grantOf(policy), models, tools, endpoints))
    .filter((grant) => grant.endpoints.length > 0);
  const bounds: Bound[] = [];
  // A person is their own bound.
  if (principal.user !== '' && principal.kind !== Principal_Kind.USER) {
    bounds.push(boundOf(rules, `user:${principal.user}`, ownerSubject(principal)));
  }
  for (const actor of principal.actors) bounds.push(boundOf(rules, actor.id, actorSubject(actor)));
  return rules.staged.length === 0 ? { grants, bounds } : { grants, bounds, staged: stagedFor(principal, rules) };
}

// Whoever acts for another reviews what both do.
function stagedFor(principal: Principal, { staged }: TenantRules): ReadonlyMap<string, boolean> {
  const owned = principal.user !== '' && principal.kind !== Principal_Kind.USER;
  const sides = [
    subjectOf(principal),
    ...(owned ? [ownerSubject(principal)] : []),
    ...principal.actors.map((actor) => actorSubject(actor)),
  ];
  return new Map(staged.map(({ server, reviewers }) => [server, sides.every((side) => isAmong(side, reviewers))]));
}

function isAmong(subject: Subject, reviewers: TenantRules['staged'][number]['reviewers']): boolean {
  const among = (names: readonly string[], those: readonly string[]) => names.some((name) => those.includes(name));
  return (
    among(subject.users.map(personName), reviewers.users.map(personName)) ||
    among(subject.teams, reviewers.teams) ||
    among(subject.clients, reviewers.clients) ||
    among(subject.keys, reviewers.keys)
  );
}

/** Tells whether a tool server is in stage Sandbox and the principal is none of its reviewers. */
export function isClosed({ staged }: ResolvedAccess, server: string): boolean {
  return staged?.get(server) === false;
}

/** Tells whether anything may be used at all. */
export function grantsAnything(access: ResolvedAccess): boolean {
  return everySide(access, (grants) => grants.length > 0);
}

/** Tells whether a brokered tool may be used. */
export function grantsTool(access: ResolvedAccess, server: string, tool: string): boolean {
  if (isClosed(access, server)) return false;
  return everySide(access, (grants) => grants.some((grant) => matchesAny(grant.tools, `${server}/${tool}`)));
}

/** Tells whether something that a server has besides tools may be got; without `offering`, whether anything of it may. */
export function grantsOffering(
  access: ResolvedAccess,
  server: string,
  dimension: Offering['dimension'],
  offering: Offering | undefined,
): boolean {
  if (isClosed(access, server)) return false;
  return everySide(access, (grants) =>
    grants.some((grant) =>
      grant[dimension].some((glob) => {
        const [of, name] = offeringParts(glob);
        // Part by part: a URI has slashes of its own, and could look as if it began further on.
        return matchesGlob(of, server) && (offering === undefined || matchesGlob(name, offering.name));
      }),
    ),
  );
}

/** Tells whether client-declared functions are decided at all; one AccessPolicy that says Deny is enough. */
export function grantsClientTools(access: ResolvedAccess): boolean {
  return everySide(
    access,
    (grants) => grants.length > 0 && grants.every((grant) => grant.clientTools === AccessGrant_ClientTools.DECIDE),
  );
}

function everySide({ grants, bounds }: ResolvedAccess, allows: (grants: readonly Grant[]) => boolean): boolean {
  return allows(grants) && bounds.every((bound) => allows(bound.grants));
}

function boundOf(rules: TenantRules, of: string, subject: Subject): Bound {
  return { of, grants: policiesOf(rules.access, subject).map(grantOf) };
}

function subjectOf(principal: Principal): Subject {
  const bare = afterColon(principal.id);
  const isUser = principal.kind === Principal_Kind.USER;
  const isClient = principal.kind === Principal_Kind.CLIENT;
  const isKey = principal.kind === Principal_Kind.KEY;
  return {
    // A key acts for its owner, so what the owner may use it may use within its scope.
    users: named(principal.user, isUser ? bare : ''),
    teams: principal.teams,
    clients: named(principal.client, isClient ? bare : ''),
    keys: isKey ? named(principal.name, principal.keyId) : [],
    claims: claimsOf(principal),
  };
}

function ownerSubject({ user, userTeams }: Principal): Subject {
  return { users: [user], teams: userTeams, clients: [], keys: [] };
}

function actorSubject({ kind, id, teams, client }: Principal['actors'][number]): Subject {
  const names = named(id, afterColon(id));
  return {
    users: kind === 'user' ? names : [],
    teams,
    clients: [...(kind === 'client' ? names : []), ...named(client)],
    keys: kind === 'key' ? names : [],
  };
}

function claimsOf({ claimsJson }: Principal): Subject['claims'] {
  if (claimsJson === '') return undefined;
  try {
    const claims: unknown = JSON.parse(claimsJson);
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function policiesOf(index: AccessIndex, subject: Subject): AccessPolicyUnit[] {
  const found = new Set<AccessPolicyUnit>(index.everyone);
  const add = (map: ReadonlyMap<string, readonly AccessPolicyUnit[]>, names: readonly string[]) => {
    for (const name of names) for (const policy of map.get(name) ?? []) found.add(policy);
  };
  add(index.byUser, subject.users.map(personName));
  add(index.byTeam, subject.teams);
  add(index.byClient, subject.clients);
  add(index.byKey, subject.keys);
  const { claims } = subject;
  if (claims !== undefined) {
    for (const { holds, policy } of index.byClaims) if (holds(claims) === true) found.add(policy);
  }
  return [...found];
}

const grantsOfPolicies = new WeakMap<AccessPolicyUnit, Grant>();

function grantOf(policy: AccessPolicyUnit): Grant {
  let grant = grantsOfPolicies.get(policy);
  if (grant === undefined) {
    grant = grantFrom(policy);
    grantsOfPolicies.set(policy, grant);
  }
  return grant;
}

function grantFrom({ name, spec }: AccessPolicyUnit): Grant {
  return {
    policy: name,
    models: [...spec.models],
    tools: [...spec.tools],
    resources: [...spec.resources],
    prompts: [...spec.prompts],
    endpoints: [...spec.endpoints],
    clientTools: spec.clientTools === 'Deny' ? AccessGrant_ClientTools.DENY : AccessGrant_ClientTools.DECIDE,
    toolList: spec.toolList === 'Search' ? AccessGrant_ToolList.SEARCH : AccessGrant_ToolList.ALL,
    ...(spec.passthrough.length === 0 ? {} : { passthrough: spec.passthrough }),
  };
}

// An empty scope of a credential restricts nothing.
function narrow(
  grant: Grant,
  models: readonly string[],
  tools: readonly string[],
  endpoints: readonly string[],
): Grant {
  if (models.length + tools.length + endpoints.length === 0) return grant;
  const within = (granted: string[], scope: readonly string[]) =>
    scope.length === 0 ? granted : intersectGlobs(granted, scope);
  return {
    ...grant,
    models: within(grant.models, models),
    tools: within(grant.tools, tools),
    resources: offeringsWithin(grant.resources, tools, 'resources/read'),
    prompts: offeringsWithin(grant.prompts, tools, 'prompts/get'),
    endpoints: within(grant.endpoints, endpoints),
  };
}

// A scope speaks of tools only, and what is got by a method is within it where a tool of that name would be.
function offeringsWithin(granted: string[], scope: readonly string[], call: OfferingCall): string[] {
  if (scope.length === 0) return granted;
  // A scope without a slash matches any server and tool that it matches as one text, so both parts stand in it.
  const servers = scope
    .map((glob) => (glob.includes('/') ? offeringParts(glob) : ([glob, glob] as const)))
    .filter(([, tool]) => matchesGlob(tool, call))
    .map(([server]) => server);
  return granted.flatMap((glob) => {
    const [server, name] = offeringParts(glob);
    return intersectGlobs([server], servers).map((both) => `${both}/${name}`);
  });
}

function offeringParts(glob: string): readonly [server: string, name: string] {
  const at = glob.indexOf('/');
  return [glob.slice(0, at), glob.slice(at + 1)];
}

function named(...names: readonly string[]): string[] {
  return names.filter((name) => name !== '');
}

function afterColon(id: string): string {
  return id.slice(id.indexOf(':') + 1);
}
