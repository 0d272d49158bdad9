import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { textArray } from '@sallyport/chassis/postgres-arrays';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { faultOfPersonName, personName } from '@sallyport/custom-resources/person-name';
import { lookOf, looksTaken } from './look.ts';
import { ruleOf, teamsOf } from './membership.ts';
import { lockDirectory, PERSON, type Person, personOf } from './person.ts';

/** What somebody on whose behalf a credential acts may lend it now. */
export interface Standing {
  /** The name as the directory has it. */
  readonly name: string;
  /** `unknown`: the directory has never heard of them. `ended`: inactive or gone. */
  readonly state: 'active' | 'ended' | 'unknown';
  /** Credentials older than this were another person's of the same name; epoch ms. */
  readonly heirSinceMs: number | undefined;
  readonly teams: readonly string[];
  /** Part of the teams. */
  readonly ownedTeams: readonly string[];
}

/** A person as an identity provider shows them at sign-in or in a token. */
export interface Shown {
  readonly tenant: string;
  /** IdentityProvider. */
  readonly provider: string;
  readonly subject: string;
  readonly name: string;
  readonly displayName?: string;
  /** A person whom another SCIM client provisioned may be taken over by name. */
  readonly linkByName: boolean;
  /** When the provider said so, epoch ms; absent: now. What is older than who took over a name is not about them. */
  readonly issuedAtMs?: number;
}

/** Who the people of a tenant are. Rejects with `unavailable` when the database is. */
export interface Directory {
  /** The standing of a key's owner. `declared` teams count where neither SCIM nor a Team resource knows better. */
  standingOf(tenant: string, name: string, declared: readonly string[]): Promise<Standing>;
  /**
   * Binds a name to a provider's subject at first sight and answers the person. `unauthenticated` where the name belongs
   * to somebody else, looks like somebody else's, cannot be a name, or the person is no longer there.
   */
  bind(shown: Shown): Promise<Person>;
  /** The standing of a person with a token: without SCIM, its claims and the teams that they name count. */
  standingByClaims(
    person: Pick<Person, 'tenant' | 'name' | 'provisioned'>,
    claims: Readonly<Record<string, unknown>>,
    claimed: readonly string[],
  ): Promise<Pick<Standing, 'teams' | 'ownedTeams'>>;
}

/** Makes the directory over identity's database. */
export function createDirectory(postgres: Postgres): Directory {
  return {
    async standingOf(tenant, written, declared) {
      const name = personName(written);
      const [rows] = await postgres.together(tenant, [
        { sql: STANDING, values: [tenant, name, textArray(declared)], options: KEPT },
      ]);
      const row = rows?.[0] ?? {};
      const teams = (row.teams as string[] | null) ?? [];
      const state = row.active === null ? 'unknown' : row.active === true ? 'active' : 'ended';
      // Without SCIM nobody keeps the groups of a person, so what the key's author says stands.
      const believed = row.provisioned === true ? [] : declared;
      const ruled = (row.ruled as string[] | null) ?? [];
      return {
        name,
        state,
        heirSinceMs: (row.heir_ms as number | null) ?? undefined,
        teams: [...new Set([...teams, ...believed.filter((team) => !ruled.includes(team))])],
        ownedTeams: (row.owned as string[] | null) ?? [],
      };
    },
    async bind(shown) {
      const { tenant } = shown;
      const name = personName(shown.name);
      const fault = faultOfPersonName(name);
      if (fault !== undefined) throw refused(`The name of the person ${fault}.`);
      return postgres.withTenant(tenant, async (client) => {
        const bySubject = () => one(client, 'u.provider = $1 and u.subject = $2', [shown.provider, shown.subject]);
        const before = await bySubject();
        if (before?.deleted === false) return present(before);
        await lockDirectory(client, tenant);
        // Who held the lock may just have bound them.
        const known = await bySubject();
        if (known?.deleted === false) return present(known);
        // Many providers write the id that is the subject of their tokens as the id of the User too; that is surer than a name.
        const meant = await one(client, `u.provider = $1 and u.external_id = $2 and ${UNBOUND}`, [
          shown.provider,
          shown.subject,
        ]);
        const held = meant ?? (await one(client, 'u.name = $1', [name]));
        if (held !== undefined) return adopt(client, ownName(present(held), shown), shown, known);
        // SCIM ended them: only SCIM brings them back.
        if (known !== undefined) throw refused('The person is not active.');
        if (await looksTaken(client, tenant, name, undefined))
          throw refused('The name looks like that of another person.');
        await client.query(
          `insert into users (tenant, id, name, look, display_name, provider, subject) values ($1, $2, $3, $4, $5, $6, $7)
           on conflict do nothing`,
          [tenant, uuidv7(), name, lookOf(name), shown.displayName ?? '', shown.provider, shown.subject],
        );
        const made = await bySubject();
        if (made === undefined) throw refused('The name belongs to another person.');
        return made;
      });
    },
    async standingByClaims(person, claims, claimed) {
      if (person.provisioned) return this.standingOf(person.tenant, person.name, []);
      const { tenant, name } = person;
      const [rows] = await postgres.together(tenant, [{ sql: RULES, values: [tenant, name, textArray(claimed)] }]);
      const rules = (rows ?? []).map(ruleOf);
      const groups = claimed.map((group) => ({ id: group, name: group }));
      const teams = teamsOf(name, { name, attributes: claims, groups, provisioned: true }, rules);
      return { teams: [...teams.keys()], ownedTeams: [...teams].filter(([, owner]) => owner).map(([team]) => team) };
    },
  };
}

const KEPT = { prepared: 'standing' } as const;
const STANDING = `select u.active and u.deleted_at is null as active, u.provisioned,
    floor(extract(epoch from u.heir_since) * 1000)::float8 as heir_ms,
    (select array_agg(m.team order by m.team) from team_members m where m.tenant = $1 and m.user_name = n.name) as teams,
    (select array_agg(m.team order by m.team) from team_members m
      where m.tenant = $1 and m.user_name = n.name and m.owner) as owned,
    (select array_agg(t.name) from teams t where t.tenant = $1 and t.name = any($3::text[])) as ruled
  from (select $2::text as name) n left join users u on u.tenant = $1 and u.name = n.name`;

// Whom SCIM keeps and nobody has signed in as yet.
const UNBOUND = 'u.provisioned and u.subject is null and u.deleted_at is null';

const RULES = `select name, member_users, member_groups, claims, owners from teams where tenant = $1 and
    ($2 = any(member_users) or $2 = any(owners) or member_groups && $3::text[] or claims is not null
     or name = any($3::text[]))`;

async function one(client: TenantClient, where: string, values: readonly unknown[]): Promise<Person | undefined> {
  const { rows } = await client.query(`select ${PERSON} from users u where ${where}`, values);
  return rows[0] === undefined ? undefined : personOf(rows[0]);
}

async function adopt(client: TenantClient, held: Person, shown: Shown, gone: Person | undefined): Promise<Person> {
  const mine = held.provider === shown.provider || (shown.linkByName && held.provisioned);
  if (held.subject !== undefined || !mine) throw refused('The name belongs to another person.');
  if (gone !== undefined) await client.query('update users set subject = null where id = $1', [gone.id]);
  await client.query('update users set provider = $2, subject = $3, revision = revision + 1 where id = $1', [
    held.id,
    shown.provider,
    shown.subject,
  ]);
  return { ...held, provider: shown.provider, subject: shown.subject };
}

function present(person: Person): Person {
  if (!person.active || person.deleted) throw refused('The person is not active.');
  return person;
}

function ownName(person: Person, { issuedAtMs }: Shown): Person {
  const { heirSinceMs } = person;
  if (heirSinceMs !== undefined && issuedAtMs !== undefined && issuedAtMs < heirSinceMs) {
    throw refused('The credential is of another person, who had the name before.');
  }
  return person;
}

function refused(message: string): GatewayError {
  return new GatewayError('unauthenticated', message);
}
