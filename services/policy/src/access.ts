import { type AccessGrant, AccessGrant_ClientTools } from '@sallyport/proto/policy/v1/policy_pb';
import { type Principal, Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { intersectGlobs, matchesAny } from './rules/glob.ts';
import type { AccessIndex, TenantRules } from './snapshot/tenant.ts';
import type { AccessPolicyUnit } from './snapshot/units.ts';

/** What one AccessPolicy grants to a principal. */
export type Grant = Pick<AccessGrant, 'policy' | 'models' | 'tools' | 'endpoints' | 'clientTools'>;

/** Who asks, as far as AccessPolicies can tell. */
type Subject = {
  readonly users: readonly string[];
  readonly teams: readonly string[];
  readonly clients: readonly string[];
  readonly keys: readonly string[];
};

/**
 * What a principal may use: each AccessPolicy that selects it, narrowed by the credential's scope and, for a delegated
 * chain, by what each actor may use itself (DESIGN §2). Empty: nothing.
 */
export function resolveAccess(principal: Principal, rules: TenantRules | undefined): Grant[] {
  if (rules === undefined) return [];
  let grants = policiesOf(rules.access, subjectOf(principal)).map(grantOf);
  grants = grants.map((grant) => narrow(grant, principal.models, principal.tools, principal.endpoints));
  for (const actor of principal.actors) {
    const own = policiesOf(rules.access, actorSubject(actor.kind, actor.id)).map(grantOf);
    grants = grants.flatMap((grant) =>
      own.map((limit) => ({
        ...narrow(grant, limit.models, limit.tools, limit.endpoints, true),
        clientTools: strictest([grant, limit]),
      })),
    );
  }
  return grants.filter((grant) => grant.endpoints.length > 0);
}

/** Tells whether the grants let a brokered tool be used. */
export function grantsTool(grants: readonly Grant[], server: string, tool: string): boolean {
  return grants.some((grant) => matchesAny(grant.tools, `${server}/${tool}`));
}

/** Tells whether client-declared functions are decided at all; one AccessPolicy that says Deny is enough. */
export function grantsClientTools(grants: readonly Grant[]): boolean {
  return grants.length > 0 && strictest(grants) === AccessGrant_ClientTools.DECIDE;
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
  };
}

function actorSubject(kind: string, id: string): Subject {
  const names = named(id, afterColon(id));
  return {
    users: kind === 'user' ? names : [],
    teams: [],
    clients: kind === 'client' ? names : [],
    keys: kind === 'key' ? names : [],
  };
}

function policiesOf(index: AccessIndex, subject: Subject): AccessPolicyUnit[] {
  const found = new Set<AccessPolicyUnit>(index.everyone);
  const add = (map: ReadonlyMap<string, readonly AccessPolicyUnit[]>, names: readonly string[]) => {
    for (const name of names) for (const policy of map.get(name) ?? []) found.add(policy);
  };
  add(index.byUser, subject.users);
  add(index.byTeam, subject.teams);
  add(index.byClient, subject.clients);
  add(index.byKey, subject.keys);
  return [...found];
}

function grantOf({ name, spec }: AccessPolicyUnit): Grant {
  return {
    policy: name,
    models: [...spec.models],
    tools: [...spec.tools],
    endpoints: [...spec.endpoints],
    clientTools: spec.clientTools === 'Deny' ? AccessGrant_ClientTools.DENY : AccessGrant_ClientTools.DECIDE,
  };
}

// An empty scope of a credential restricts nothing; an empty list of a grant grants nothing (`exact`).
function narrow(
  grant: Grant,
  models: readonly string[],
  tools: readonly string[],
  endpoints: readonly string[],
  exact = false,
): Grant {
  const within = (granted: string[], scope: readonly string[]) =>
    scope.length === 0 && !exact ? granted : intersectGlobs(granted, scope);
  return {
    ...grant,
    models: within(grant.models, models),
    tools: within(grant.tools, tools),
    endpoints: within(grant.endpoints, endpoints),
  };
}

function strictest(grants: readonly Grant[]): AccessGrant_ClientTools {
  const denied = grants.some((grant) => grant.clientTools !== AccessGrant_ClientTools.DECIDE);
  return denied ? AccessGrant_ClientTools.DENY : AccessGrant_ClientTools.DECIDE;
}

function named(...names: readonly string[]): string[] {
  return names.filter((name) => name !== '');
}

function afterColon(id: string): string {
  return id.slice(id.indexOf(':') + 1);
}
