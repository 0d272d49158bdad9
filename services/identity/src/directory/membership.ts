import type { TenantClient } from '@sallyport/chassis/postgres';
import { compileClaims } from '@sallyport/custom-resources/claims-expression';
import { CHANGED, type Revocation } from '../revocations.ts';
import { PERSON, type Person, personOf } from './person.ts';

/** A Team resource as the directory keeps it. */
export interface TeamRule {
  readonly name: string;
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** CEL over claims. */
  readonly claims: string | undefined;
  readonly owners: readonly string[];
}

/** What became of a person's teams. */
export interface TeamChange {
  readonly user: string;
  readonly gained: readonly string[];
  readonly lost: readonly string[];
  /** Teams that they are in as before and own now, or own no more. */
  readonly ownership: readonly string[];
}

const compiled = new Map<string, (claims: Readonly<Record<string, unknown>>) => boolean | undefined>();
const MAX_COMPILED = 1_000;
const MAX_SAID = 500;

/** Tells whether CEL over claims is true of them; an expression that fails is not. */
export function holdsFor(text: string, claims: Readonly<Record<string, unknown>>): boolean {
  let holds = compiled.get(text);
  if (holds === undefined) {
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    holds = compileClaims(text, 'bool');
    compiled.set(text, holds);
  }
  return holds(claims) === true;
}

/** What Teams by CEL see of a person whom SCIM keeps. */
export function claimsOf(person: Pick<Person, 'name' | 'attributes' | 'groups'>): Record<string, unknown> {
  return { ...person.attributes, userName: person.name, groups: person.groups.map((group) => group.name) };
}

/** The teams of a name, with whether they own them, by the rules and, where it is known, the person's groups. */
export function teamsOf(
  name: string,
  person: Pick<Person, 'name' | 'attributes' | 'groups' | 'provisioned'> | undefined,
  rules: readonly TeamRule[],
): Map<string, boolean> {
  const groups = new Set(person?.groups.map((group) => group.name));
  const teams = new Map<string, boolean>();
  const claims = person?.provisioned === true ? claimsOf(person) : undefined;
  for (const rule of rules) {
    const owner = rule.owners.includes(name);
    const member =
      owner ||
      rule.users.includes(name) ||
      rule.groups.some((group) => groups.has(group)) ||
      (rule.claims !== undefined && claims !== undefined && holdsFor(rule.claims, claims));
    if (member) teams.set(rule.name, owner);
  }
  // A Team resource alone says who is in the team of its name.
  const ruled = new Set(rules.map((rule) => rule.name));
  for (const group of groups) if (!ruled.has(group)) teams.set(group, false);
  return teams;
}

/**
 * Works out the teams of people anew and keeps them; the directory is locked by the caller. Answers whose changed: who
 * lost a team has to be told to all services.
 */
export async function settleMembership(
  client: TenantClient,
  tenant: string,
  names: readonly string[],
): Promise<TeamChange[]> {
  if (names.length === 0) return [];
  const people = new Map(
    (await client.query(`select ${PERSON} from users u where u.name = any($1) and u.deleted_at is null`, [names])).rows
      .map(personOf)
      .map((person) => [person.name, person] as const),
  );
  const groups = [...new Set([...people.values()].flatMap((one) => one.groups.map((group) => group.name)))];
  const rules = await rulesAbout(client, names, groups);
  const held = new Map<string, Map<string, boolean>>(names.map((name) => [name, new Map()]));
  const { rows } = await client.query('select team, user_name, owner from team_members where user_name = any($1)', [
    names,
  ]);
  for (const row of rows) held.get(row.user_name as string)?.set(row.team as string, row.owner as boolean);

  const changes: TeamChange[] = [];
  const gone: [string, string][] = [];
  const come: [string, string, boolean][] = [];
  for (const [name, before] of held) {
    const after = teamsOf(name, people.get(name), rules);
    const lost = [...before.keys()].filter((team) => !after.has(team));
    const gained = [...after.keys()].filter((team) => !before.has(team));
    const written = [...after].filter(([team, owner]) => before.get(team) !== owner);
    gone.push(...lost.map((team): [string, string] => [team, name]));
    come.push(...written.map(([team, owner]): [string, string, boolean] => [team, name, owner]));
    const ownership = written.map(([team]) => team).filter((team) => before.has(team));
    if (lost.length + written.length > 0) changes.push({ user: name, gained, lost, ownership });
  }
  if (gone.length > 0) {
    await client.query(
      `delete from team_members m using unnest($1::text[], $2::text[]) as g (team, user_name)
        where m.team = g.team and m.user_name = g.user_name`,
      [gone.map(([team]) => team), gone.map(([, name]) => name)],
    );
  }
  if (come.length > 0) {
    await client.query(
      `insert into team_members (tenant, team, user_name, owner)
       select $1, c.team, c.user_name, c.owner from unnest($2::text[], $3::text[], $4::boolean[]) as c (team, user_name, owner)
       on conflict (tenant, team, user_name) do update set owner = excluded.owner`,
      [tenant, come.map(([team]) => team), come.map(([, name]) => name), come.map(([, , owner]) => owner)],
    );
  }
  return changes;
}

/** What services must hear of changed teams: who lost one has nothing open any more, who gained one is asked for anew. */
export function noticesOf(changes: readonly TeamChange[], by: string): Revocation[] {
  const told = (what: string, teams: readonly string[]) => (teams.length === 0 ? [] : [`${what} ${teams.join(', ')}`]);
  return changes.map(({ user, gained, lost, ownership }) => {
    const left = told('left team', lost);
    const said = [...left, ...told('joined team', gained), ...told('changed ownership of team', ownership)];
    return { user, by, reason: left[0]?.slice(0, MAX_SAID) ?? CHANGED, said: said.join('; ').slice(0, MAX_SAID) };
  });
}

async function rulesAbout(client: TenantClient, names: readonly string[], groups: readonly string[]) {
  const { rows } = await client.query(
    `select name, member_users, member_groups, claims, owners from teams
      where member_users && $1::text[] or owners && $1::text[] or member_groups && $2::text[] or claims is not null
         or name = any($2::text[])`,
    [names, groups],
  );
  return rows.map(ruleOf);
}

/** A row of `teams`. */
export function ruleOf(row: Record<string, unknown>): TeamRule {
  return {
    name: row.name as string,
    users: row.member_users as string[],
    groups: row.member_groups as string[],
    claims: (row.claims as string | null) ?? undefined,
    owners: row.owners as string[],
  };
}
