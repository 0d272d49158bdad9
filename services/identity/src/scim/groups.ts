import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { type AdminAct, keepAdminRecord } from '../admin-records.ts';
import {
  addMembers,
  changeGroup,
  countMembers,
  type Group,
  groupById,
  insertGroup,
  membersOf,
  pageOfGroups,
  removeGroup,
  removeMembers,
} from '../directory/groups.ts';
import { noticesOf, settleMembership, type TeamChange } from '../directory/membership.ts';
import type { Lookup } from '../directory/people.ts';
import { lockDirectory } from '../directory/person.ts';
import { tellRevoked } from '../revocations.ts';
import type { ScimCaller } from './caller.ts';
import { bad } from './faults.ts';
import { chosenMembers, groupChanges, type MemberStep, readGroup } from './group-changes.ts';
import type { Json } from './json.ts';
import { listed, lookupOf } from './list.ts';
import { CORE_GROUP } from './schema-names.ts';
import { metaOf } from './user-resource.ts';
import { checkVersion, type Resources } from './users.ts';

type Named = Pick<Group, 'name' | 'externalId'>;
type Members = Awaited<ReturnType<typeof membersOf>> extends Map<string, infer List> ? List : never;

const COLUMNS: Readonly<Record<string, Lookup['column']>> = {
  displayname: 'name',
  externalid: 'external_id',
  id: 'id',
};
const PAGE = 500;
/** Members in one list of groups; a group by its id is shown whole. */
const MAX_LISTED_MEMBERS = 50_000;

/** Groups over the directory. A group is a team of its name, unless a Team resource has that name. */
export function scimGroups(postgres: Postgres, onNotice: () => void): Resources {
  const change = async <T>(caller: ScimCaller, work: (client: TenantClient) => Promise<T>): Promise<T> => {
    const result = await postgres.withTenant(caller.tenant, async (client) => {
      await lockDirectory(client, caller.tenant);
      return work(client);
    });
    onNotice();
    return result;
  };
  const present = async (client: TenantClient, { tenant, scope }: ScimCaller, id: string): Promise<Group> => {
    const group = await groupById(client, tenant, scope, id);
    if (group === undefined) throw new GatewayError('not_found', 'There is no such Group.');
    return group;
  };
  const membersIn = async (client: TenantClient, tenant: string, id: string): Promise<Members> =>
    (await membersOf(client, tenant, [id])).get(id) ?? [];
  const add = async (client: TenantClient, { tenant, scope }: ScimCaller, id: string, ids: readonly string[]) => {
    const unknown = await addMembers(client, tenant, scope, id, ids);
    if (unknown.length > 0) throw bad('invalidValue', `There is no User ${unknown[0]?.slice(0, 64)}.`);
  };
  /**
   * Works out the teams of people anew and tells of those who lost some. What is told of them is recorded with them; where
   * nobody's teams changed, or the group itself did, the act is recorded.
   */
  const settle = async (
    client: TenantClient,
    { tenant, by }: ScimCaller,
    names: ReadonlySet<string>,
    act: { readonly action: string; readonly target: AdminAct['target']; readonly isOfGroup: boolean },
  ) => {
    const all = [...names].sort();
    const changes: TeamChange[] = [];
    for (let at = 0; at < all.length; at += PAGE) {
      changes.push(...(await settleMembership(client, tenant, all.slice(at, at + PAGE))));
    }
    const { action, target, isOfGroup } = act;
    if (isOfGroup || changes.length === 0) await keepAdminRecord(client, tenant, { action, target, by });
    await tellRevoked(client, tenant, noticesOf(changes, by));
  };
  const namesOf = async (client: TenantClient, tenant: string, ids: readonly string[]): Promise<string[]> => {
    const { rows } = await client.query('select name from users where tenant = $1 and id = any($2)', [tenant, ids]);
    return rows.map((row) => row.name as string);
  };
  /** Takes one step, and answers the names of those whom it concerns. */
  const step = async (client: TenantClient, caller: ScimCaller, id: string, one: MemberStep): Promise<string[]> => {
    const { tenant } = caller;
    if (one.step === 'add') {
      await add(client, caller, id, one.ids);
      return namesOf(client, tenant, one.ids);
    }
    if (one.step === 'remove') {
      await removeMembers(client, tenant, id, one.ids);
      return namesOf(client, tenant, one.ids);
    }
    const before = await membersIn(client, tenant, id);
    const ids = one.step === 'clear' ? undefined : chosenMembers(one.filter, before);
    await removeMembers(client, tenant, id, ids);
    return before.map(({ name }) => name);
  };
  const resourceOf = async (client: TenantClient, caller: ScimCaller, id: string, members = true): Promise<Json> => {
    const group = await present(client, caller, id);
    return groupResource(group, members ? await membersIn(client, caller.tenant, id) : undefined, caller.base);
  };

  return {
    quiet: true,
    list: (caller, query) => {
      const { tenant, scope, base } = caller;
      return listed(query, lookupOf(query.filter, COLUMNS), (lookup, offset, limit) =>
        postgres.withTenant(tenant, async (client) => {
          const { groups, total } = await pageOfGroups(client, tenant, scope, { lookup, offset, limit });
          // Groups of many thousands are asked for without their members, page by page.
          const wanted =
            !query.excluded.has('members') && (query.attributes.size === 0 || query.attributes.has('members'));
          const ids = groups.map((group) => group.id);
          if (wanted && (await countMembers(client, tenant, ids)) > MAX_LISTED_MEMBERS) {
            throw bad('tooMany', 'Ask for fewer groups at once, or with excludedAttributes=members.');
          }
          const members = wanted ? await membersOf(client, tenant, ids) : undefined;
          const listOf = (id: string) => (members === undefined ? undefined : (members.get(id) ?? []));
          return { resources: groups.map((group) => groupResource(group, listOf(group.id), base)), total };
        }),
      );
    },
    get: (caller, id) => postgres.withTenant(caller.tenant, (client) => resourceOf(client, caller, id)),
    create(caller, body) {
      const { members, ...group } = readGroup(body);
      const { tenant, provider } = caller;
      return change(caller, async (client) => {
        const id = await insertGroup(client, tenant, provider, group);
        await add(client, caller, id, members);
        const made = await resourceOf(client, caller, id);
        const act = { action: 'groups.create', target: { kind: 'Group', id, name: group.name }, isOfGroup: true };
        await settle(client, caller, new Set(await namesOf(client, tenant, members)), act);
        return made;
      });
    },
    replace(caller, id, body, ifMatch) {
      const { members, ...group } = readGroup(body);
      const { tenant } = caller;
      return change(caller, async (client) => {
        const was = await present(client, caller, id);
        checkVersion(was.revision, ifMatch);
        const before = await membersIn(client, tenant, id);
        await changeGroup(client, tenant, id, group);
        const kept = new Set(members);
        const gone = before.map((one) => one.id).filter((one) => !kept.has(one));
        await removeMembers(client, tenant, id, gone);
        await add(client, caller, id, members);
        const changed = await resourceOf(client, caller, id);
        const after = await namesOf(client, tenant, members);
        await settle(client, caller, new Set([...before.map((one) => one.name), ...after]), changeOf(id, was, group));
        return changed;
      });
    },
    patch(caller, id, operations, ifMatch, whole) {
      const { name, externalId, members } = groupChanges(operations);
      const { tenant } = caller;
      return change(caller, async (client) => {
        const before = await present(client, caller, id);
        checkVersion(before.revision, ifMatch);
        const concerned = new Set<string>();
        const renamed = name !== undefined && name !== before.name;
        if (renamed) for (const one of await membersIn(client, tenant, id)) concerned.add(one.name);
        for (const one of members) for (const person of await step(client, caller, id, one)) concerned.add(person);
        const now = {
          name: name ?? before.name,
          externalId: externalId === undefined ? before.externalId : externalId || undefined,
        };
        await changeGroup(client, tenant, id, now);
        const changed = await resourceOf(client, caller, id, whole);
        await settle(client, caller, concerned, changeOf(id, before, now));
        return changed;
      });
    },
    remove: (caller, id, ifMatch) =>
      change(caller, async (client) => {
        const { name, revision } = await present(client, caller, id);
        checkVersion(revision, ifMatch);
        const before = await membersIn(client, caller.tenant, id);
        await removeGroup(client, caller.tenant, id);
        const act = { action: 'groups.remove', target: { kind: 'Group', id, name }, isOfGroup: true };
        await settle(client, caller, new Set(before.map((one) => one.name)), act);
      }),
  };
}

/** A change of a group as records tell of it. */
function changeOf(id: string, before: Named, after: Named) {
  const named = ({ name, externalId }: Named) => ({ name, externalId: externalId ?? null });
  const isOfGroup = JSON.stringify(named(before)) !== JSON.stringify(named(after));
  const target = { kind: 'Group', id, ...named(after), ...(isOfGroup ? { before: named(before) } : {}) };
  return { action: 'groups.change', target, isOfGroup };
}

function groupResource(group: Group, members: Members | undefined, base: string): Json {
  const { id, name, externalId } = group;
  return {
    schemas: [CORE_GROUP],
    id,
    ...(externalId === undefined ? {} : { externalId }),
    displayName: name,
    ...(members === undefined
      ? {}
      : {
          members: members.map((one) => ({
            value: one.id,
            display: one.displayName || one.name,
            type: 'User',
            $ref: `${base}/Users/${one.id}`,
          })),
        }),
    meta: metaOf('Group', `${base}/Groups/${id}`, group),
  };
}
