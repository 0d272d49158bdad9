import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { personName } from '@sallyport/custom-resources/person-name';
import type { DirectoryService } from '@sallyport/proto/identity/v1/directory_pb';
import { PERSON, type Person, personOf } from './person.ts';

const DEFAULT_PAGE = 50;
const MAX_PAGE = 200;

/** DirectoryService over identity's database: reading only. */
export function directoryService(postgres: Postgres): ServiceImpl<typeof DirectoryService> {
  return {
    listUsers: ({ tenant, pageSize, pageToken, team }) =>
      inTenant(postgres, tenant, async (client) => {
        const size = sizeOf(pageSize);
        const { rows } = await client.query(
          `select ${PERSON} from users u where u.tenant = $1 and u.deleted_at is null and u.name > $2
              and ($3 = '' or exists (select from team_members m where m.tenant = $1 and m.user_name = u.name and m.team = $3))
            order by u.name limit ${size + 1}`,
          [tenant, pageToken, team],
        );
        const people = rows.slice(0, size).map(personOf);
        const users = await withTeams(client, tenant, people);
        return { users, nextPageToken: rows.length > size ? (people.at(-1)?.name ?? '') : '' };
      }),
    getUser: ({ tenant, name }) =>
      inTenant(postgres, tenant, async (client) => {
        const { rows } = await client.query(
          `select ${PERSON} from users u where u.tenant = $1 and u.deleted_at is null and u.name = $2`,
          [tenant, personName(name)],
        );
        if (rows[0] === undefined) throw new GatewayError('not_found', 'There is no such person.');
        const [user] = await withTeams(client, tenant, [personOf(rows[0])]);
        return user === undefined ? {} : { user };
      }),
    listGroups: ({ tenant, pageSize, pageToken }) =>
      inTenant(postgres, tenant, async (client) => {
        const size = sizeOf(pageSize);
        const { rows } = await client.query(
          `select g.id, g.name, (select count(*) from memberships m
              where m.tenant = g.tenant and m.group_id = g.id)::float8 as members
             from groups g where g.tenant = $1 and g.name > $2 order by g.name limit ${size + 1}`,
          [tenant, pageToken],
        );
        const groups = rows.slice(0, size).map((row) => ({
          id: row.id as string,
          name: row.name as string,
          members: row.members as number,
        }));
        return { groups, nextPageToken: rows.length > size ? (groups.at(-1)?.name ?? '') : '' };
      }),
    listTeams: ({ tenant, pageSize, pageToken }) =>
      inTenant(postgres, tenant, async (client) => {
        const size = sizeOf(pageSize);
        const { rows } = await client.query(
          `select n.name, t.name is not null as resource,
                  (select count(*) from team_members m where m.tenant = $1 and m.team = n.name)::float8 as members,
                  (select array_agg(m.user_name order by m.user_name) from team_members m
                    where m.tenant = $1 and m.team = n.name and m.owner) as owners
             from (select name from teams where tenant = $1 union select team from team_members where tenant = $1) n
             left join teams t on t.tenant = $1 and t.name = n.name
            where n.name > $2 order by n.name limit ${size + 1}`,
          [tenant, pageToken],
        );
        const teams = rows.slice(0, size).map((row) => ({
          name: row.name as string,
          members: row.members as number,
          owners: (row.owners as string[] | null) ?? [],
          resource: row.resource as boolean,
        }));
        return { teams, nextPageToken: rows.length > size ? (teams.at(-1)?.name ?? '') : '' };
      }),
  };
}

function inTenant<T>(postgres: Postgres, tenant: string, work: (client: TenantClient) => Promise<T>): Promise<T> {
  if (tenant === '' || tenant === '*') throw new GatewayError('invalid_request', 'The tenant is missing.');
  return postgres.withTenant(tenant, work);
}

async function withTeams(client: TenantClient, tenant: string, people: readonly Person[]) {
  const { rows } = await client.query(
    'select team, user_name, owner from team_members where tenant = $1 and user_name = any($2) order by team',
    [tenant, people.map((person) => person.name)],
  );
  return people.map((person) => {
    const mine = rows.filter((row) => row.user_name === person.name);
    const { id, name, displayName, provider, active, provisioned, createdAtMs, changedAtMs } = person;
    return {
      ...{ tenant, id, name, displayName, provider, active, provisioned, createdAtMs, changedAtMs },
      groups: person.groups.map((group) => group.name),
      teams: mine.map((row) => row.team as string),
      ownedTeams: mine.filter((row) => row.owner === true).map((row) => row.team as string),
    };
  });
}

function sizeOf(pageSize: number): number {
  return pageSize <= 0 ? DEFAULT_PAGE : Math.min(pageSize, MAX_PAGE);
}
