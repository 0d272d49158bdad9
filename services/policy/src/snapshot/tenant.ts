import { compileClaims } from '@sallyport/custom-resources/claims-expression';
import { personName } from '@sallyport/custom-resources/person-name';
import { type Selector, type SelectorIndex, selectorIndex } from './selectors.ts';
import type { AccessPolicyUnit, LimitUnit, Reviewers, ToolPolicyUnit, ToolServerUnit, Unit } from './units.ts';

/** AccessPolicies by what selects a principal. */
export interface AccessIndex {
  readonly everyone: readonly AccessPolicyUnit[];
  readonly byUser: ReadonlyMap<string, readonly AccessPolicyUnit[]>;
  readonly byTeam: ReadonlyMap<string, readonly AccessPolicyUnit[]>;
  readonly byClient: ReadonlyMap<string, readonly AccessPolicyUnit[]>;
  readonly byKey: ReadonlyMap<string, readonly AccessPolicyUnit[]>;
  /** Those that ask claims. An expression that fails selects nobody. */
  readonly byClaims: readonly {
    readonly holds: (claims: Readonly<Record<string, unknown>>) => boolean | undefined;
    readonly policy: AccessPolicyUnit;
  }[];
}

/** All that decisions of one tenant need, indexed. */
export interface TenantRules {
  readonly access: AccessIndex;
  readonly brokered: SelectorIndex<ToolPolicyUnit>;
  readonly client: SelectorIndex<ToolPolicyUnit>;
  readonly provider: SelectorIndex<ToolPolicyUnit>;
  readonly policies: readonly ToolPolicyUnit[];
  readonly servers: ReadonlyMap<string, ToolServerUnit>;
  /** Tool servers that are for their reviewers alone. */
  readonly staged: readonly { readonly server: string; readonly reviewers: Reviewers }[];
  /** Public names of models. */
  readonly models: ReadonlySet<string>;
  readonly limits: readonly LimitUnit[];
}

/** Compiled resources of every tenant, replaced as a whole. */
export interface Snapshot {
  /** Stands in decisions; changes with any AccessPolicy, ToolPolicy, ToolServer or Model. */
  readonly revision: string;
  /** Revision of the Limits, as the operator names it. */
  readonly limitRevision: string;
  readonly tenants: ReadonlyMap<string, TenantRules>;
  /** False while this comes from disk: side effects are refused until revocations are known (DESIGN §3). */
  readonly caughtUp: boolean;
}

/** Indexes the units of one tenant; they come oldest first, which fixes the order of equal rules. */
export function tenantRules(units: readonly Unit[]): TenantRules {
  const everyone: AccessPolicyUnit[] = [];
  const byUser = new Map<string, AccessPolicyUnit[]>();
  const byTeam = new Map<string, AccessPolicyUnit[]>();
  const byClient = new Map<string, AccessPolicyUnit[]>();
  const byKey = new Map<string, AccessPolicyUnit[]>();
  const byClaims: AccessIndex['byClaims'][number][] = [];
  const brokered: Selector<ToolPolicyUnit>[] = [];
  const client: Selector<ToolPolicyUnit>[] = [];
  const provider: Selector<ToolPolicyUnit>[] = [];
  const policies: ToolPolicyUnit[] = [];
  const servers = new Map<string, ToolServerUnit>();
  const models = new Set<string>();
  const limits: LimitUnit[] = [];
  const index = (map: Map<string, AccessPolicyUnit[]>, names: readonly string[], unit: AccessPolicyUnit) => {
    for (const name of names) {
      const list = map.get(name);
      if (list === undefined) map.set(name, [unit]);
      else list.push(unit);
    }
  };

  for (const unit of units) {
    switch (unit.kind) {
      case 'AccessPolicy': {
        const { subjects } = unit.spec;
        if (subjects.everyone) everyone.push(unit);
        index(byUser, subjects.users.map(personName), unit);
        index(byTeam, subjects.teams, unit);
        index(byClient, subjects.clients, unit);
        index(byKey, subjects.keys, unit);
        if (subjects.claims !== undefined) {
          byClaims.push({ holds: compileClaims(subjects.claims, 'bool'), policy: unit });
        }
        break;
      }
      case 'ToolPolicy':
        policies.push(unit);
        for (const one of unit.selects.tools) brokered.push({ owner: one.server, name: one.tool, chosen: unit });
        for (const one of unit.selects.clientTools) client.push({ owner: one.client, name: one.tool, chosen: unit });
        for (const one of unit.selects.providerTools) {
          provider.push({ owner: one.provider, name: one.type, chosen: unit });
        }
        break;
      case 'ToolServer':
        servers.set(unit.name, unit);
        break;
      case 'Model':
        models.add(unit.publicName);
        break;
      case 'Limit':
        limits.push(unit);
        break;
    }
  }
  const staged = [...servers.values()].flatMap(({ name, reviewers }) =>
    reviewers === undefined ? [] : [{ server: name, reviewers }],
  );
  return {
    access: { everyone, byUser, byTeam, byClient, byKey, byClaims },
    brokered: selectorIndex(brokered),
    client: selectorIndex(client),
    provider: selectorIndex(provider),
    policies,
    servers,
    staged,
    models,
    limits,
  };
}
