import type { Logger } from '@sallyport/chassis/log';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { personName } from '@sallyport/custom-resources/person-name';
import { team } from '@sallyport/custom-resources/team';
import type { Snapshot, SnapshotItem } from '@sallyport/peers/snapshot';
import { tellRevoked } from '../revocations.ts';
import { type SnapshotIntake, snapshotIntake } from '../snapshot-intake.ts';
import { noticesOf, settleMembership } from './membership.ts';
import { lockDirectory } from './person.ts';

const PAGE = 500;

/**
 * Keeps the Teams of all tenants, and who is in them, as the operator says. Only what the operator said in this run
 * counts, never a cached snapshot: that could bring somebody back. Any number of replicas may do so: what is taken in
 * already changes nothing.
 */
export function takingTeams(options: {
  readonly postgres: Postgres;
  readonly snapshot: Pick<Snapshot, 'items' | 'fresh' | 'onChange'>;
  readonly onNotice: () => void;
  readonly log: Logger;
}): SnapshotIntake {
  const { postgres, snapshot, onNotice, log } = options;
  // Teams that this replica saw, so that one which another replica just took in does not look as if it had gone.
  let seen: ReadonlyMap<string, readonly SnapshotItem[]> | undefined;

  const take = async () => {
    const now = Map.groupBy(snapshot.items('Team'), (item) => item.tenant);
    const before = seen ?? (await tenantsOf(postgres));
    for (const tenant of new Set([...now.keys(), ...before.keys()])) {
      const gone = (before.get(tenant) ?? []).filter((old) => !now.get(tenant)?.some((one) => one.uid === old.uid));
      await takeTenant(postgres, tenant, now.get(tenant) ?? [], gone);
    }
    seen = now;
    onNotice();
  };
  return snapshotIntake({
    name: 'teams',
    snapshot,
    take,
    concerns: () => true,
    failure: 'Teams could not be taken in; they are tried again',
    log,
  });
}

/** Everything that was taken in by whatever replica, as if it had been seen. */
async function tenantsOf(postgres: Postgres): Promise<Map<string, SnapshotItem[]>> {
  const { rows } = await postgres.withTenant('*', (client) => client.query('select tenant, name, uid from teams'));
  const items = rows.map((row) => ({ tenant: row.tenant, name: row.name, uid: row.uid }) as SnapshotItem);
  return Map.groupBy(items, (item) => item.tenant);
}

async function takeTenant(
  postgres: Postgres,
  tenant: string,
  items: readonly SnapshotItem[],
  gone: readonly Pick<SnapshotItem, 'name' | 'uid'>[],
): Promise<void> {
  await postgres.withTenant(tenant, async (client) => {
    await lockDirectory(client, tenant);
    const touched = [
      ...(await removed(client, gone)),
      // A removal may be of an older resource of the same name.
      ...(await upserted(client, tenant, items)),
    ];
    if (touched.length === 0) return;
    const names = await peopleAbout(client, touched);
    const changes = [];
    for (let at = 0; at < names.length; at += PAGE) {
      changes.push(...(await settleMembership(client, tenant, names.slice(at, at + PAGE))));
    }
    await tellRevoked(client, tenant, noticesOf(changes, ''));
  });
}

async function removed(client: TenantClient, gone: readonly Pick<SnapshotItem, 'name' | 'uid'>[]): Promise<string[]> {
  if (gone.length === 0) return [];
  const { rows } = await client.query('delete from teams where uid = any($1) returning name', [
    gone.map((one) => one.uid),
  ]);
  return rows.map((row) => row.name as string);
}

/** Names of the Teams that are new or changed. */
async function upserted(client: TenantClient, tenant: string, items: readonly SnapshotItem[]): Promise<string[]> {
  const names: string[] = [];
  for (const item of items) {
    const spec = team.spec.safeParse(item.spec);
    if (!spec.success) continue;
    const { members, owners } = spec.data;
    const { rowCount } = await client.query(
      `insert into teams (tenant, name, uid, generation, resource_created_at, member_users, member_groups, claims, owners)
       values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000), $6, $7, $8, $9)
       on conflict (tenant, name) do update set uid = excluded.uid, generation = excluded.generation,
         resource_created_at = excluded.resource_created_at, member_users = excluded.member_users,
         member_groups = excluded.member_groups, claims = excluded.claims, owners = excluded.owners
       where (teams.uid = excluded.uid and teams.generation < excluded.generation)
          or (teams.uid <> excluded.uid and teams.resource_created_at <= excluded.resource_created_at)`,
      [
        tenant,
        item.name,
        item.uid,
        item.generation,
        item.createdAtMs,
        members.users.map(personName),
        members.groups,
        members.claims ?? null,
        owners.map(personName),
      ],
    );
    if (rowCount === 1) names.push(item.name);
  }
  return names;
}

/** Who is in any of these teams, or may be from now on. */
async function peopleAbout(client: TenantClient, teams: readonly string[]): Promise<string[]> {
  const { rows } = await client.query(
    `select user_name as name from team_members where team = any($1)
     union select unnest(member_users || owners) from teams where name = any($1)
     union select u.name from users u join memberships m on m.tenant = u.tenant and m.user_id = u.id
       join groups g on g.tenant = m.tenant and g.id = m.group_id
       where g.name = any($1) or g.name in (select unnest(member_groups) from teams where name = any($1))
     union select u.name from users u where u.provisioned and u.deleted_at is null
       and exists (select from teams where name = any($1) and claims is not null)
     order by name`,
    [teams],
  );
  return rows.map((row) => row.name as string);
}
