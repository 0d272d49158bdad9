import { GatewayError } from '@sallyport/chassis/errors';
import type { TenantClient } from '@sallyport/chassis/postgres';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { faultOfPersonName } from '@sallyport/custom-resources/person-name';
import { lookOf, looksTaken } from './look.ts';
import { PERSON, type Person, personOf } from './person.ts';

/** A person as SCIM writes them. */
export interface WrittenPerson {
  /** NFC, lower case. */
  readonly name: string;
  readonly displayName: string;
  readonly externalId: string | undefined;
  readonly active: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Which people one who asks may see: those of an IdentityProvider, or with undefined all of the tenant. */
export type Scope = string | undefined;

/** How people and groups are looked for by one column; other conditions are checked row by row. */
export interface Lookup {
  readonly column: 'id' | 'name' | 'external_id';
  readonly value: string;
}

const VISIBLE = 'u.tenant = $1 and u.deleted_at is null and u.provisioned and ($2::text is null or u.provider = $2)';
const UNIQUE_VIOLATION = '23505';

/** The person whom SCIM keeps under an id. */
export async function personById(
  client: TenantClient,
  tenant: string,
  scope: Scope,
  id: string,
): Promise<Person | undefined> {
  const { rows } = await client.query(`select ${PERSON} from users u where ${VISIBLE} and u.id = $3`, [
    tenant,
    scope ?? null,
    id,
  ]);
  return rows[0] === undefined ? undefined : personOf(rows[0]);
}

/** A page of the people whom SCIM keeps, oldest first, and how many there are. */
export async function pageOfPeople(
  client: TenantClient,
  tenant: string,
  scope: Scope,
  options: { readonly lookup?: Lookup | undefined; readonly offset: number; readonly limit: number },
): Promise<{ people: Person[]; total: number }> {
  const { lookup, offset, limit } = options;
  const where = lookup === undefined ? VISIBLE : `${VISIBLE} and u.${lookup.column} = $3`;
  const values = [tenant, scope ?? null, ...(lookup === undefined ? [] : [lookup.value])];
  const counted = await client.query(`select count(*)::float8 as total from users u where ${where}`, values);
  const { rows } = await client.query(
    `select ${PERSON} from users u where ${where} order by u.created_at, u.id limit ${limit} offset ${offset}`,
    values,
  );
  return { people: rows.map(personOf), total: counted.rows[0]?.total as number };
}

/**
 * Keeps a new person. Somebody who signed in before SCIM knew of them becomes this person; the row of a deleted one gives
 * way, and from then on older keys of that name stay refused. `conflict` with `details.scimType` where the name is taken.
 */
export async function insertPerson(
  client: TenantClient,
  tenant: string,
  provider: string,
  scope: Scope,
  person: WrittenPerson,
): Promise<string> {
  await refuseName(client, tenant, person.name, undefined);
  const { rows } = await client.query(
    'select id, provider, provisioned, deleted_at is not null as deleted from users where tenant = $1 and name = $2',
    [tenant, person.name],
  );
  const held = rows[0];
  const values = [person.displayName, person.externalId ?? null, person.active, JSON.stringify(person.attributes)];
  if (held !== undefined && held.deleted !== true) {
    const adopts =
      held.provisioned !== true && (scope === undefined || held.provider === scope || held.provider === '');
    if (!adopts) throw taken('userName');
    await orTaken(() =>
      client.query(
        `update users set display_name = $3, external_id = $4, active = $5, attributes = $6, provisioned = true,
                provider = case when provider = '' then $7 else provider end,
                revision = revision + 1, changed_at = now()
          where tenant = $1 and id = $2`,
        [tenant, held.id, ...values, provider],
      ),
    );
    return held.id as string;
  }
  if (held !== undefined) await client.query('delete from users where tenant = $1 and id = $2', [tenant, held.id]);
  const id = uuidv7();
  await orTaken(() =>
    client.query(
      `insert into users (tenant, id, name, look, provider, provisioned, heir_since,
                          display_name, external_id, active, attributes)
       values ($1, $2, $3, $4, $5, true, case when $6 then now() end, $7, $8, $9, $10)`,
      [tenant, id, person.name, lookOf(person.name), provider, held !== undefined, ...values],
    ),
  );
  return id;
}

/** Writes a person anew under their id. `conflict` where the name is taken. */
export async function changePerson(
  client: TenantClient,
  tenant: string,
  before: Person,
  person: WrittenPerson,
): Promise<void> {
  const renamed = before.name !== person.name;
  if (renamed) {
    await refuseName(client, tenant, person.name, before.id);
    // The name of somebody who is gone is given to this person, and their keys are not.
    await client.query('delete from users where tenant = $1 and name = $2 and deleted_at is not null', [
      tenant,
      person.name,
    ]);
  }
  await orTaken(() =>
    client.query(
      `update users set name = $3, look = $4, display_name = $5, external_id = $6, active = $7, attributes = $8,
              heir_since = case when name = $3 then heir_since else now() end,
              revision = revision + 1, changed_at = now()
        where tenant = $1 and id = $2`,
      [
        tenant,
        before.id,
        person.name,
        lookOf(person.name),
        person.displayName,
        person.externalId ?? null,
        person.active,
        JSON.stringify(person.attributes),
      ],
    ),
  );
  if (!renamed) return;
  // Keys and grants of the name that was left are nobody's, and must not count as those of somebody unknown.
  await client.query(
    `insert into users (tenant, id, name, look, provider, active, deleted_at) values ($1, $2, $3, $4, $5, false, now())`,
    [tenant, uuidv7(), before.name, lookOf(before.name), before.provider],
  );
}

/**
 * Ends a person: nothing of them stays but the name, so that their keys stay refused, and their id at the provider, so that
 * a token that is still good does not let them in under another name.
 */
export async function buryPerson(client: TenantClient, tenant: string, id: string): Promise<void> {
  await client.query('delete from memberships where tenant = $1 and user_id = $2', [tenant, id]);
  await client.query(
    `update users set deleted_at = now(), active = false, provisioned = false, external_id = null,
            display_name = '', attributes = '{}', revision = revision + 1, changed_at = now()
      where tenant = $1 and id = $2`,
    [tenant, id],
  );
}

async function refuseName(client: TenantClient, tenant: string, name: string, own: string | undefined): Promise<void> {
  const fault = faultOfPersonName(name);
  if (fault !== undefined) {
    throw new GatewayError('invalid_request', `userName ${fault}.`, { details: { scimType: 'invalidValue' } });
  }
  if (await looksTaken(client, tenant, name, own)) throw taken('userName, which looks like that of another person,');
}

async function orTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
    const constraint = String((error as { constraint?: unknown }).constraint);
    throw taken(constraint.endsWith('_external') ? 'externalId' : 'name', error);
  }
}

/** What SCIM calls a uniqueness conflict (RFC 7644 section 3.12). */
export function taken(what: string, cause?: unknown): GatewayError {
  return new GatewayError('conflict', `Another resource has this ${what}.`.replace(',.', '.'), {
    cause,
    details: { scimType: 'uniqueness' },
  });
}
