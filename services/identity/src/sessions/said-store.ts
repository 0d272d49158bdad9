import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { PERSON, type Person, personOf } from '../directory/person.ts';
import type { OAuthKeys } from '../oauth/keys.ts';
import { CHANGED, tellRevoked } from '../revocations.ts';

/** What an IdentityProvider said of a person when they last signed in there, by its mapping. */
export interface Said {
  readonly teams: readonly string[];
  /** '' where the mapping gives none. */
  readonly role: string;
  /** Claims of the ID token, those about the token itself left out. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A person with what was said of them. */
export interface SpokenOf {
  readonly person: Person;
  readonly said: (Said & { readonly provider: string; readonly ageSeconds: number }) | undefined;
}

/** What providers said of people; the last word counts, for all that acts for the person. */
export interface SaidStore {
  /** Keeps what was said now. Who lost a team by it has nothing open any more. */
  remember(person: Pick<Person, 'tenant' | 'id' | 'name'>, provider: string, said: Said): Promise<void>;
  /** A person who is active, by name; undefined for others. */
  about(tenant: string, user: string): Promise<SpokenOf | undefined>;
}

/** Keeps it in Postgres, sealed. */
export function createSaidStore(postgres: Postgres, keys: Pick<OAuthKeys, 'seal'>, onNotice: () => void): SaidStore {
  const boundTo = (tenant: string, userId: string) => JSON.stringify(['said of a person', tenant, userId]);
  const opened = (tenant: string, userId: string, sealed: Buffer) =>
    JSON.parse(keys.seal.open(sealed, boundTo(tenant, userId)).toString('utf8')) as Said;
  const before = async (client: TenantClient, tenant: string, id: string) => {
    const { rows } = await client.query('select sealed from said_of_people where user_id = $1 for update', [id]);
    return rows[0] === undefined ? undefined : opened(tenant, id, rows[0].sealed as Buffer);
  };
  return {
    async remember({ tenant, id, name }, provider, said) {
      const text = JSON.stringify(said);
      await postgres.withTenant(tenant, async (client) => {
        const earlier = await before(client, tenant, id);
        await client.query(
          `insert into said_of_people (tenant, user_id, provider, sealed) values ($1, $2, $3, $4)
           on conflict (tenant, user_id) do update set provider = excluded.provider, sealed = excluded.sealed, at = now()`,
          [tenant, id, provider, keys.seal.seal(Buffer.from(text, 'utf8'), boundTo(tenant, id))],
        );
        if (earlier === undefined || JSON.stringify(earlier) === text) return;
        const lost = earlier.teams.filter((team) => !said.teams.includes(team));
        const reason = lost.length > 0 ? `left team ${lost.join(', ')}`.slice(0, 500) : CHANGED;
        // A role or claim that went takes rights along as a team does.
        const ended = reason === CHANGED && earlier.role !== '' && earlier.role !== said.role;
        await tellRevoked(client, tenant, [{ user: name, reason: ended ? `lost role ${earlier.role}` : reason }]);
      });
      onNotice();
    },
    async about(tenant, user) {
      const { rows } = await postgres.withTenant(tenant, (client) =>
        client.query(
          `select ${PERSON}, p.provider as said_by, p.sealed, extract(epoch from now() - p.at)::float8 as age
             from users u left join said_of_people p on p.tenant = u.tenant and p.user_id = u.id
            where u.name = $1 and u.active and u.deleted_at is null`,
          [user],
        ),
      );
      const row = rows[0];
      if (row === undefined) return undefined;
      const person = personOf(row);
      if (row.sealed === null) return { person, said: undefined };
      const said = opened(tenant, person.id, row.sealed as Buffer);
      return { person, said: { ...said, provider: row.said_by as string, ageSeconds: row.age as number } };
    },
  };
}
