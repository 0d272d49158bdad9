import type { TenantClient } from '@sallyport/chassis/postgres';

/** A person as the directory keeps them. */
export interface Person {
  readonly tenant: string;
  /** uuid v7. */
  readonly id: string;
  /** As all resources say it, without "user:". */
  readonly name: string;
  readonly displayName: string;
  /** IdentityProvider that vouches for them, '' while none does, and their id there. */
  readonly provider: string;
  readonly subject: string | undefined;
  readonly externalId: string | undefined;
  readonly active: boolean;
  /** SCIM keeps them, so that all of their teams are known here. */
  readonly provisioned: boolean;
  /** What SCIM says beside the rest, in its own words. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly revision: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** The person is gone; the name stays refused until somebody of that name comes. */
  readonly deleted: boolean;
  /** Somebody else had the name before; epoch ms. */
  readonly heirSinceMs: number | undefined;
  readonly groups: readonly { readonly id: string; readonly name: string }[];
}

const epochMs = (column: string) => `floor(extract(epoch from ${column}) * 1000)::float8`;

/** Columns of a person; `u` is `users`. */
export const PERSON = `u.tenant, u.id, u.name, u.display_name, u.provider, u.subject, u.external_id, u.active, u.provisioned,
  u.attributes, u.revision::float8 as revision, u.deleted_at is not null as deleted,
  ${epochMs('u.created_at')} as created_ms, ${epochMs('u.changed_at')} as changed_ms, ${epochMs('u.heir_since')} as heir_ms,
  (select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name) order by g.name), '[]') from memberships m
     join groups g on g.tenant = m.tenant and g.id = m.group_id where m.tenant = u.tenant and m.user_id = u.id) as groups`;

type Row = Record<string, unknown>;

/** A row of `PERSON`. */
export function personOf(row: Row): Person {
  return {
    tenant: row.tenant as string,
    id: row.id as string,
    name: row.name as string,
    displayName: row.display_name as string,
    provider: row.provider as string,
    subject: (row.subject as string | null) ?? undefined,
    externalId: (row.external_id as string | null) ?? undefined,
    active: row.active as boolean,
    provisioned: row.provisioned as boolean,
    attributes: row.attributes as Person['attributes'],
    revision: row.revision as number,
    createdAtMs: row.created_ms as number,
    changedAtMs: row.changed_ms as number,
    deleted: row.deleted as boolean,
    heirSinceMs: (row.heir_ms as number | null) ?? undefined,
    groups: row.groups as Person['groups'],
  };
}

/**
 * Lets one change of a tenant's directory be made at a time, until the transaction ends: who is in which team hangs on
 * people, groups and Teams together, and two changes that do not see each other would leave somebody in.
 */
export async function lockDirectory(client: TenantClient, tenant: string): Promise<void> {
  await client.query("select pg_advisory_xact_lock(hashtextextended('sallyport directory ' || $1, 0))", [tenant]);
}
