import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { personName } from '@sallyport/custom-resources/person-name';
import { DELETED, renamedReason } from '@sallyport/peers/revoked';
import { noticesOf, settleMembership } from '../directory/membership.ts';
import {
  buryPerson,
  changePerson,
  insertPerson,
  type Lookup,
  pageOfPeople,
  personById,
  type WrittenPerson,
} from '../directory/people.ts';
import { lockDirectory, type Person } from '../directory/person.ts';
import { endSignIns } from '../directory/sign-ins.ts';
import { CHANGED, type Revocation, tellRevoked } from '../revocations.ts';
import type { ScimCaller } from './caller.ts';
import type { Json } from './json.ts';
import { isVersion, listed, lookupOf, type Query } from './list.ts';
import { applied, type Operation } from './patch.ts';
import { readUser, userResource, versionOf } from './user-resource.ts';

/** What can be done with one type of resources. Ids that the caller may not see are `not_found`. */
export interface Resources {
  /** A PATCH answers without the resource (204) unless attributes are asked for. */
  readonly quiet: boolean;
  list(caller: ScimCaller, query: Query): Promise<Json>;
  get(caller: ScimCaller, id: string): Promise<Json>;
  create(caller: ScimCaller, body: unknown): Promise<Json>;
  replace(caller: ScimCaller, id: string, body: unknown, ifMatch: string | undefined): Promise<Json>;
  /** `whole`: what comes back is to be shown. */
  patch(
    caller: ScimCaller,
    id: string,
    operations: readonly Operation[],
    ifMatch: string | undefined,
    whole: boolean,
  ): Promise<Json>;
  remove(caller: ScimCaller, id: string, ifMatch: string | undefined): Promise<void>;
}

const INACTIVE = 'made inactive';
const COLUMNS: Readonly<Record<string, Lookup['column']>> = { username: 'name', externalid: 'external_id', id: 'id' };

/** Users over the directory. Each change tells all services of who lost rights, within the transaction that takes them. */
export function scimUsers(postgres: Postgres, onNotice: () => void): Resources {
  const change = async <T>(caller: ScimCaller, work: (client: TenantClient) => Promise<T>): Promise<T> => {
    const result = await postgres.withTenant(caller.tenant, async (client) => {
      await lockDirectory(client, caller.tenant);
      return work(client);
    });
    onNotice();
    return result;
  };
  const present = async (client: TenantClient, { tenant, scope }: ScimCaller, id: string): Promise<Person> => {
    const person = await personById(client, tenant, scope, id);
    if (person === undefined) throw new GatewayError('not_found', 'There is no such User.');
    return person;
  };
  const matching = async (client: TenantClient, caller: ScimCaller, id: string, ifMatch: string | undefined) => {
    const person = await present(client, caller, id);
    checkVersion(person.revision, ifMatch);
    return person;
  };
  const write = async (client: TenantClient, caller: ScimCaller, before: Person, person: WrittenPerson) => {
    const { tenant, by } = caller;
    if (!isChanged(before, person)) return userResource(before, caller.base);
    await changePerson(client, tenant, before, person);
    const renamed = before.name !== person.name;
    const names = renamed ? [before.name, person.name] : [person.name];
    const changes = await settleMembership(client, tenant, names);
    const notices: Revocation[] = [];
    if (renamed) notices.push({ user: before.name, reason: renamedReason(person.name), by });
    if (before.active && !person.active) notices.push({ user: person.name, reason: INACTIVE, by });
    for (const { user = '', reason } of notices) {
      await endSignIns(client, tenant, user, { reason, by, forget: user !== person.name });
    }
    const ended = new Set(notices.map(({ user }) => user));
    notices.push(...noticesOf(changes, by).filter(({ user }) => !ended.has(user)));
    if (!before.active && person.active) notices.push({ user: person.name, reason: CHANGED, said: 'made active', by });
    const changed = userResource(await present(client, caller, before.id), caller.base);
    await tellRevoked(client, tenant, notices);
    return changed;
  };

  return {
    quiet: false,
    async list(caller, query) {
      const { tenant, scope, base } = caller;
      return listed(query, named(lookupOf(query.filter, COLUMNS)), (lookup, offset, limit) =>
        postgres.withTenant(tenant, async (client) => {
          const { people, total } = await pageOfPeople(client, tenant, scope, { lookup, offset, limit });
          return { resources: people.map((person) => userResource(person, base)), total };
        }),
      );
    },
    get: (caller, id) =>
      postgres.withTenant(caller.tenant, async (client) =>
        userResource(await present(client, caller, id), caller.base),
      ),
    create(caller, body) {
      const person = readUser(body, true);
      const { tenant, provider, scope, by, base } = caller;
      return change(caller, async (client) => {
        const id = await insertPerson(client, tenant, provider, scope, person);
        const changes = noticesOf(await settleMembership(client, tenant, [person.name]), by);
        if (!person.active) {
          await endSignIns(client, tenant, person.name, { reason: INACTIVE, by, forget: false });
        }
        const made = userResource(await present(client, caller, id), base);
        // Whoever was not known before may have had teams by the word of a key alone.
        const known = { user: person.name, reason: CHANGED, said: 'provisioned', by };
        const notices = person.active ? [known, ...changes] : [{ user: person.name, reason: INACTIVE, by }];
        await tellRevoked(client, tenant, notices);
        return made;
      });
    },
    replace(caller, id, body, ifMatch) {
      return change(caller, async (client) => {
        const before = await matching(client, caller, id, ifMatch);
        return write(client, caller, before, readUser(body, before.active));
      });
    },
    patch: (caller, id, operations, ifMatch) =>
      change(caller, async (client) => {
        const before = await matching(client, caller, id, ifMatch);
        const { schemas: _, id: _id, meta: _meta, groups: _groups, ...own } = userResource(before, caller.base);
        return write(client, caller, before, readUser(applied(own, operations), before.active));
      }),
    remove: (caller, id, ifMatch) =>
      change(caller, async (client) => {
        const { tenant, by } = caller;
        const { name } = await matching(client, caller, id, ifMatch);
        await buryPerson(client, tenant, id);
        await settleMembership(client, tenant, [name]);
        await endSignIns(client, tenant, name, { reason: DELETED, by, forget: true });
        await tellRevoked(client, tenant, [{ user: name, reason: DELETED, by }]);
      }),
  };
}

/** Refuses a change of another version than the one that a client has seen: 412. */
export function checkVersion(revision: number, ifMatch: string | undefined): void {
  if (ifMatch === undefined || isVersion(ifMatch, versionOf(revision))) return;
  throw new GatewayError('conflict', 'The resource was changed meanwhile.', { status: 412 });
}

function isChanged(before: Person, now: WrittenPerson): boolean {
  const { name, displayName, externalId, active, attributes } = before;
  return JSON.stringify(now) !== JSON.stringify({ name, displayName, externalId, active, attributes });
}

function named(found: ReturnType<typeof lookupOf>): ReturnType<typeof lookupOf> {
  if (found?.lookup.column !== 'name') return found;
  return { ...found, lookup: { column: 'name', value: personName(found.lookup.value) } };
}
