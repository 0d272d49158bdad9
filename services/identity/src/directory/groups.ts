import type { TenantClient } from '@sallyport/chassis/postgres';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { type Lookup, type Scope, taken } from './people.ts';

/** A group as SCIM keeps it. */
export interface Group {
  readonly id: string;
  readonly name: string;
  readonly externalId: string | undefined;
  readonly revision: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
}

/** What SCIM writes of a group beside its members. */
export interface WrittenGroup {
  readonly name: string;
  readonly externalId: string | undefined;
}

const GROUP = `g.id, g.name, g.external_id, g.revision::float8 as revision,
  floor(extract(epoch from g.created_at) * 1000)::float8 as created_ms,
  floor(extract(epoch from g.changed_at) * 1000)::float8 as changed_ms`;
const VISIBLE = 'g.tenant = $1 and ($2::text is null or g.provider = $2)';
const UNIQUE_VIOLATION = '23505';

const groupOf = (row: Record<string, unknown>): Group => ({
  id: row.id as string,
  name: row.name as string,
  externalId: (row.external_id as string | null) ?? undefined,
  revision: row.revision as number,
  createdAtMs: row.created_ms as number,
  changedAtMs: row.changed_ms as number,
});

/** The group under an id. */
export async function groupById(
  client: TenantClient,
  tenant: string,
  scope: Scope,
  id: string,
): Promise<Group | undefined> {
  const { rows } = await client.query(`select ${GROUP} from groups g where ${VISIBLE} and g.id = $3`, [
    tenant,
    scope ?? null,
    id,
  ]);
  return rows[0] === undefined ? undefined : groupOf(rows[0]);
}

/** A page of the groups, oldest first, and how many there are. */
export async function pageOfGroups(
  client: TenantClient,
  tenant: string,
  scope: Scope,
  options: { readonly lookup?: Lookup | undefined; readonly offset: number; readonly limit: number },
): Promise<{ groups: Group[]; total: number }> {
  const { lookup, offset, limit } = options;
  // Group names are unique without regard to case, and SCIM compares them so.
  const column = lookup?.column === 'name' ? 'lower(g.name) = lower($3)' : `g.${lookup?.column} = $3`;
  const where = lookup === undefined ? VISIBLE : `${VISIBLE} and ${column}`;
  const values = [tenant, scope ?? null, ...(lookup === undefined ? [] : [lookup.value])];
  const counted = await client.query(`select count(*)::float8 as total from groups g where ${where}`, values);
  const { rows } = await client.query(
    `select ${GROUP} from groups g where ${where} order by g.created_at, g.id limit ${limit} offset ${offset}`,
    values,
  );
  return { groups: rows.map(groupOf), total: counted.rows[0]?.total as number };
}

/** How many members groups have together. */
export async function countMembers(client: TenantClient, tenant: string, groupIds: readonly string[]): Promise<number> {
  const { rows } = await client.query(
    'select count(*)::float8 as total from memberships where tenant = $1 and group_id = any($2)',
    [tenant, groupIds],
  );
  return rows[0]?.total as number;
}

/** The members of groups by group: ids and names, in the order of names. */
export async function membersOf(
  client: TenantClient,
  tenant: string,
  groupIds: readonly string[],
): Promise<Map<string, { id: string; name: string; displayName: string }[]>> {
  const { rows } = await client.query(
    `select m.group_id, u.id, u.name, u.display_name from memberships m
       join users u on u.tenant = m.tenant and u.id = m.user_id
      where m.tenant = $1 and m.group_id = any($2) order by u.name`,
    [tenant, groupIds],
  );
  const members = new Map<string, { id: string; name: string; displayName: string }[]>();
  for (const row of rows) {
    const list = members.get(row.group_id as string) ?? [];
    list.push({ id: row.id as string, name: row.name as string, displayName: row.display_name as string });
    members.set(row.group_id as string, list);
  }
  return members;
}

/** Keeps a new group; `conflict` where its name is taken. */
export async function insertGroup(
  client: TenantClient,
  tenant: string,
  provider: string,
  group: WrittenGroup,
): Promise<string> {
  const id = uuidv7();
  await orTaken(() =>
    client.query('insert into groups (tenant, id, name, external_id, provider) values ($1, $2, $3, $4, $5)', [
      tenant,
      id,
      group.name,
      group.externalId ?? null,
      provider,
    ]),
  );
  return id;
}

/** Writes a group anew; its revision rises also where only its members changed. */
export async function changeGroup(
  client: TenantClient,
  tenant: string,
  id: string,
  group: WrittenGroup,
): Promise<void> {
  await orTaken(() =>
    client.query(
      `update groups set name = $3, external_id = $4, revision = revision + 1, changed_at = now()
        where tenant = $1 and id = $2`,
      [tenant, id, group.name, group.externalId ?? null],
    ),
  );
}

/** Ends a group and its memberships. */
export async function removeGroup(client: TenantClient, tenant: string, id: string): Promise<void> {
  await client.query('delete from groups where tenant = $1 and id = $2', [tenant, id]);
}

/**
 * Puts people into a group; those who are in it already stay. Answers the ids that are no people whom the scope may see:
 * one provider says nothing of another's people.
 */
export async function addMembers(
  client: TenantClient,
  tenant: string,
  scope: Scope,
  groupId: string,
  userIds: readonly string[],
): Promise<string[]> {
  if (userIds.length === 0) return [];
  const { rows } = await client.query(
    `select w.id from unnest($2::text[]) as w (id) where not exists
       (select from users u where u.tenant = $1 and u.id = w.id and u.deleted_at is null and u.provisioned
           and ($3::text is null or u.provider = $3)) limit 1`,
    [tenant, userIds, scope ?? null],
  );
  if (rows.length > 0) return rows.map((row) => row.id as string);
  await client.query(
    `insert into memberships (tenant, group_id, user_id) select $1, $2, w.id from unnest($3::text[]) as w (id)
     on conflict do nothing`,
    [tenant, groupId, userIds],
  );
  return [];
}

/** Takes people out of a group; undefined: all. */
export async function removeMembers(
  client: TenantClient,
  tenant: string,
  groupId: string,
  userIds: readonly string[] | undefined,
): Promise<void> {
  await client.query(
    'delete from memberships where tenant = $1 and group_id = $2 and ($3::text[] is null or user_id = any($3))',
    [tenant, groupId, userIds ?? null],
  );
}

async function orTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
    const constraint = String((error as { constraint?: unknown }).constraint);
    throw taken(constraint.endsWith('_external') ? 'externalId' : 'displayName', error);
  }
}
