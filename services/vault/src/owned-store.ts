import type { TenantClient } from '@sallyport/chassis/postgres';
import type { OwnedCredential, Owner } from './owner.ts';

type Row = Record<string, unknown>;

/** Credentials that people put in, of one tenant, within one transaction. */
export interface OwnedRows {
  /** Of one resource, of these owners. */
  owned(kind: string, uid: string, owners: readonly Owner[]): Promise<OwnedCredential[]>;
  /** Of all resources; of these owners, or of all where none are given; by place, from above `after`. */
  ownedBy(owners: readonly Owner[], after: readonly string[], limit: number): Promise<OwnedCredential[]>;
  putOwned(credential: Omit<OwnedCredential, 'revision' | 'changedAtMs'>): Promise<OwnedCredential>;
  /** The row that was taken away. */
  removeOwned(owner: Owner, kind: string, resourceName: string): Promise<OwnedCredential[]>;
}

const COLUMNS = `kind, uid, owner_kind, owner, resource_name, origin, data_key_id, sealed, revision::float8 as revision,
  changed_by, (extract(epoch from changed_at) * 1000)::float8 as changed_at_ms`;
const IS_OF = `exists (select from unnest($1::text[], $2::text[]) as o (kind, name)
  where o.kind = owner_kind and o.name = owner)`;

/** The rows of a tenant in its transaction. */
export function ownedRows(client: TenantClient, tenant: string): OwnedRows {
  const kinds = (owners: readonly Owner[]) => owners.map((owner) => owner.kind);
  const names = (owners: readonly Owner[]) => owners.map((owner) => owner.name);
  return {
    async owned(kind, uid, owners) {
      if (owners.length === 0) return [];
      const { rows } = await client.query(
        `select ${COLUMNS} from owned_credentials where kind = $3 and uid = $4 and ${IS_OF}`,
        [kinds(owners), names(owners), kind, uid],
      );
      return rows.map(ownedOf);
    },
    async ownedBy(owners, after, limit) {
      const [kind = '', uid = '', ownerKind = '', owner = ''] = after;
      const { rows } = await client.query(
        `select ${COLUMNS} from owned_credentials
          where (cardinality($1::text[]) = 0 or ${IS_OF}) and (kind, uid, owner_kind, owner) > ($3, $4, $5, $6)
          order by kind, uid, owner_kind, owner limit $7`,
        [kinds(owners), names(owners), kind, uid, ownerKind, owner, limit],
      );
      return rows.map(ownedOf);
    },
    async putOwned({ owner, kind, uid, resourceName, origin, dataKeyId, sealed, changedBy }) {
      const { rows } = await client.query(
        `insert into owned_credentials
           (tenant, kind, uid, owner_kind, owner, resource_name, origin, data_key_id, sealed, changed_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (tenant, kind, uid, owner_kind, owner) do update set resource_name = excluded.resource_name,
           origin = excluded.origin, data_key_id = excluded.data_key_id, sealed = excluded.sealed,
           changed_by = excluded.changed_by, revision = owned_credentials.revision + 1, changed_at = now()
         returning ${COLUMNS}`,
        [tenant, kind, uid, owner.kind, owner.name, resourceName, origin, dataKeyId, sealed, changedBy],
      );
      return ownedOf(rows[0] as Row);
    },
    async removeOwned(owner, kind, resourceName) {
      const { rows } = await client.query(
        `delete from owned_credentials where owner_kind = $1 and owner = $2 and kind = $3 and resource_name = $4
         returning ${COLUMNS}`,
        [owner.kind, owner.name, kind, resourceName],
      );
      return rows.map(ownedOf);
    },
  };
}

function ownedOf(row: Row): OwnedCredential {
  return {
    owner: { kind: row.owner_kind as Owner['kind'], name: row.owner as string },
    kind: row.kind as string,
    uid: row.uid as string,
    resourceName: row.resource_name as string,
    origin: row.origin as string,
    dataKeyId: row.data_key_id as string,
    sealed: row.sealed as Buffer,
    revision: row.revision as number,
    changedBy: row.changed_by as string,
    changedAtMs: row.changed_at_ms as number,
  };
}
