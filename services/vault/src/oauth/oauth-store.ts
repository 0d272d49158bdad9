import type { Postgres } from '@sallyport/chassis/postgres';
import type { WaitingRecord } from '../outbox.ts';
import { vaultTransaction } from '../store.ts';
import type { VaultStore, VaultTransaction, WrappedKey } from '../vault-store.ts';
import { tellLeases } from './lease-notices.ts';

/** A sealed row and the data key that opens it. */
export interface SealedRow {
  readonly dataKeyId: string;
  readonly sealed: Uint8Array;
}

/** A person's grant at a tool server. */
export interface GrantRow extends SealedRow {
  readonly uid: string;
  readonly user: string;
  readonly resourceName: string;
  readonly origin: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  /** Epoch ms of the access token's end; undefined: its issuer does not say. */
  readonly expiresAtMs: number | undefined;
  readonly ended: boolean;
  readonly revision: number;
  readonly connectedAtMs: number;
  readonly usedAtMs: number;
}

/** A connection that was begun. */
export interface FlowRow extends SealedRow {
  readonly id: string;
  readonly user: string;
  readonly uid: string;
  readonly expiresAtMs: number;
}

/** Grants, flows and registrations. Rejects with `unavailable` when the database is. */
export interface OAuthStore {
  readonly inTenant: VaultStore['inTenant'];
  /** The tenant's newest data key, made where there is none. */
  dataKey(tenant: string, make: () => Promise<WrappedKey>): Promise<WrappedKey>;
  openingKey(tenant: string, id: string): Promise<WrappedKey | undefined>;
  client(tenant: string, uid: string, issuer: string, redirectUri: string): Promise<SealedRow | undefined>;
  /** Keeps a registration, or gives the one that another replica was faster with. */
  addClient(tenant: string, uid: string, issuer: string, redirectUri: string, row: SealedRow): Promise<SealedRow>;
  removeClient(tenant: string, uid: string, issuer: string): Promise<void>;
  /** Keeps a flow; of one person the oldest beyond `most` are forgotten. */
  addFlow(tenant: string, flow: FlowRow, most: number): Promise<void>;
  /** Takes a flow of this person out for good: once. */
  takeFlow(tenant: string, id: string, user: string): Promise<FlowRow | undefined>;
  grant(tenant: string, uid: string, user: string): Promise<GrantRow | undefined>;
  /** Of a server at this origin, the live grant that was connected first. */
  anyGrant(tenant: string, uid: string, origin: string): Promise<GrantRow | undefined>;
  grantsOf(tenant: string, user: string): Promise<GrantRow[]>;
  /** Keeps a new grant, or new tokens of a person who connects again. */
  connect(
    tenant: string,
    grant: Omit<GrantRow, 'revision' | 'ended' | 'connectedAtMs' | 'usedAtMs'>,
    record: WaitingRecord,
  ): Promise<GrantRow>;
  /** Takes the right to refresh for `forMs`; false: another has it, or the grant is of another revision by now. */
  claim(tenant: string, grant: GrantRow, by: string, forMs: number): Promise<boolean>;
  release(tenant: string, grant: GrantRow, by: string): Promise<void>;
  /** Keeps refreshed tokens, where the claim still holds. */
  refreshed(
    tenant: string,
    grant: GrantRow,
    by: string,
    next: SealedRow & Pick<GrantRow, 'scopes' | 'expiresAtMs'>,
  ): Promise<GrantRow | undefined>;
  end(tenant: string, grant: GrantRow, record: WaitingRecord): Promise<void>;
  remove(tenant: string, uid: string, user: string, record: WaitingRecord): Promise<GrantRow | undefined>;
  used(tenant: string, grant: GrantRow): Promise<void>;
  /** Remembers what a provider wants a person to be asked for, in the place of what it wanted before. */
  addChallenge(tenant: string, uid: string, user: string, claims: string): Promise<void>;
  takeChallenge(tenant: string, uid: string, user: string): Promise<string | undefined>;
  /** Deletes flows that are over, and challenges that nobody came for. */
  prune(): Promise<void>;
}

type Row = Record<string, unknown>;
type Client = Parameters<Parameters<Postgres['withTenant']>[1]>[0];

const epoch = (column: string, name: string) => `(extract(epoch from ${column}) * 1000)::float8 as ${name}`;
const GRANT = `uid, user_name, resource_name, origin, issuer, scopes, data_key_id, sealed, ended, revision::float8 as revision,
  ${epoch('expires_at', 'expires_at_ms')}, ${epoch('connected_at', 'connected_at_ms')}, ${epoch('used_at', 'used_at_ms')}`;

/** Keeps them in Postgres, in the tenant of the caller. */
export function createOAuthStore(postgres: Postgres, vault: Pick<VaultStore, 'inTenant'>): OAuthStore {
  const within = <T>(tenant: string, work: (client: Client) => Promise<T>) => postgres.withTenant(tenant, work);
  const one = async <T>(
    tenant: string,
    read: (row: Row) => T,
    sql: string,
    values: unknown[],
  ): Promise<T | undefined> => {
    const { rows } = await within(tenant, (client) => client.query(sql, values));
    return rows[0] === undefined ? undefined : read(rows[0]);
  };
  const key = (tx: VaultTransaction, id: string) => tx.dataKey(id);
  return {
    inTenant: vault.inTenant,
    dataKey: async (tenant, make) =>
      await vault.inTenant(tenant, async (tx) => (await tx.newestDataKey()) ?? (await tx.addDataKey(await make()))),
    openingKey: (tenant, id) => vault.inTenant(tenant, (tx) => key(tx, id)),
    client: (tenant, uid, issuer, redirectUri) =>
      one(
        tenant,
        sealedOf,
        'select data_key_id, sealed from oauth_clients where uid = $1 and issuer = $2 and redirect_uri = $3',
        [uid, issuer, redirectUri],
      ),
    async addClient(tenant, uid, issuer, redirectUri, { dataKeyId, sealed }) {
      const kept = await one(
        tenant,
        sealedOf,
        // Changed to what it was, so that the row of who came first is answered.
        `insert into oauth_clients (tenant, uid, issuer, redirect_uri, data_key_id, sealed) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, uid, issuer, redirect_uri) do update set issuer = excluded.issuer
         returning data_key_id, sealed`,
        [tenant, uid, issuer, redirectUri, dataKeyId, sealed],
      );
      return kept as SealedRow;
    },
    async removeClient(tenant, uid, issuer) {
      await within(tenant, (client) =>
        client.query('delete from oauth_clients where uid = $1 and issuer = $2', [uid, issuer]),
      );
    },
    addFlow: (tenant, flow, most) =>
      within(tenant, async (client) => {
        await client.query(
          `insert into oauth_flows (tenant, id, user_name, uid, data_key_id, sealed, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7)`,
          [tenant, flow.id, flow.user, flow.uid, flow.dataKeyId, flow.sealed, new Date(flow.expiresAtMs)],
        );
        await client.query(
          `delete from oauth_flows where user_name = $1 and id in (
             select id from oauth_flows where user_name = $1 order by expires_at desc offset $2)`,
          [flow.user, most],
        );
      }),
    takeFlow: (tenant, id, user) =>
      one(
        tenant,
        (row): FlowRow => ({
          ...sealedOf(row),
          id,
          user,
          uid: row.uid as string,
          expiresAtMs: row.expires_at_ms as number,
        }),
        `delete from oauth_flows where id = $1 and user_name = $2
         returning uid, data_key_id, sealed, ${epoch('expires_at', 'expires_at_ms')}`,
        [id, user],
      ),
    grant: (tenant, uid, user) =>
      one(tenant, grantOf, `select ${GRANT} from oauth_grants where uid = $1 and user_name = $2`, [uid, user]),
    anyGrant: (tenant, uid, origin) =>
      one(
        tenant,
        grantOf,
        `select ${GRANT} from oauth_grants where uid = $1 and origin = $2 and not ended
          order by connected_at limit 1`,
        [uid, origin],
      ),
    async grantsOf(tenant, user) {
      const { rows } = await within(tenant, (client) =>
        client.query(`select ${GRANT} from oauth_grants where user_name = $1 order by resource_name limit 500`, [user]),
      );
      return rows.map(grantOf);
    },
    connect: (tenant, grant, record) =>
      within(tenant, async (client) => {
        const { rows } = await client.query(
          `insert into oauth_grants
             (tenant, uid, user_name, resource_name, origin, issuer, scopes, data_key_id, sealed, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           on conflict (tenant, uid, user_name) do update set resource_name = excluded.resource_name,
             origin = excluded.origin, issuer = excluded.issuer, scopes = excluded.scopes,
             data_key_id = excluded.data_key_id, sealed = excluded.sealed, expires_at = excluded.expires_at, ended = false,
             revision = oauth_grants.revision + 1, refresh_by = null, refresh_until = null, connected_at = now()
           returning ${GRANT}`,
          [
            tenant,
            grant.uid,
            grant.user,
            grant.resourceName,
            grant.origin,
            grant.issuer,
            grant.scopes,
            grant.dataKeyId,
            grant.sealed,
            timeOf(grant.expiresAtMs),
          ],
        );
        await told(client, tenant, grant, record);
        return grantOf(rows[0] as Row);
      }),
    async claim(tenant, { uid, user, revision }, by, forMs) {
      const { rowCount } = await within(tenant, (client) =>
        client.query(
          `update oauth_grants set refresh_by = $4, refresh_until = now() + make_interval(secs => $5)
            where uid = $1 and user_name = $2 and revision = $3 and not ended
              and (refresh_until is null or refresh_until < now())`,
          [uid, user, revision, by, forMs / 1000],
        ),
      );
      return rowCount === 1;
    },
    async release(tenant, { uid, user }, by) {
      await within(tenant, (client) =>
        client.query(
          `update oauth_grants set refresh_by = null, refresh_until = null
            where uid = $1 and user_name = $2 and refresh_by = $3`,
          [uid, user, by],
        ),
      );
    },
    refreshed: (tenant, { uid, user, revision }, by, next) =>
      one(
        tenant,
        grantOf,
        `update oauth_grants set data_key_id = $5, sealed = $6, scopes = $7, expires_at = $8, revision = revision + 1,
           refresh_by = null, refresh_until = null
          where uid = $1 and user_name = $2 and revision = $3 and refresh_by = $4 returning ${GRANT}`,
        [uid, user, revision, by, next.dataKeyId, next.sealed, next.scopes, timeOf(next.expiresAtMs)],
      ),
    async end(tenant, { uid, user, issuer, revision }, record) {
      await within(tenant, async (client) => {
        const { rowCount } = await client.query(
          `update oauth_grants set ended = true, refresh_by = null, refresh_until = null
            where uid = $1 and user_name = $2 and revision = $3 and not ended`,
          [uid, user, revision],
        );
        if (rowCount !== 1) return;
        await told(client, tenant, { uid, user, issuer }, record);
      });
    },
    remove: (tenant, uid, user, record) =>
      within(tenant, async (client) => {
        const { rows } = await client.query(
          `delete from oauth_grants where uid = $1 and user_name = $2 returning ${GRANT}`,
          [uid, user],
        );
        if (rows[0] === undefined) return undefined;
        const gone = grantOf(rows[0]);
        await told(client, tenant, gone, record);
        return gone;
      }),
    async used(tenant, { uid, user }) {
      await within(tenant, (client) =>
        client.query('update oauth_grants set used_at = now() where uid = $1 and user_name = $2', [uid, user]),
      );
    },
    async addChallenge(tenant, uid, user, claims) {
      await within(tenant, (client) =>
        client.query(
          `insert into sign_in_challenges (tenant, uid, user_name, claims) values ($1, $2, $3, $4)
           on conflict (tenant, uid, user_name) do update set claims = excluded.claims, at = now()`,
          [tenant, uid, user, claims],
        ),
      );
    },
    takeChallenge: (tenant, uid, user) =>
      one(
        tenant,
        (row) => row.claims as string,
        'delete from sign_in_challenges where uid = $1 and user_name = $2 returning claims',
        [uid, user],
      ),
    async prune() {
      await within('*', (client) => client.query('delete from oauth_flows where expires_at < now()'));
      await within('*', (client) => client.query("delete from sign_in_challenges where at < now() - interval '1 day'"));
    },
  };
}

/** Writes down what happened to a grant and has leases dropped that stand on it, all in the transaction that changes it. */
async function told(
  client: Client,
  tenant: string,
  grant: Pick<GrantRow, 'uid' | 'user' | 'issuer'>,
  record: WaitingRecord,
): Promise<void> {
  const tx = vaultTransaction(client, tenant);
  await tellLeases(tx, grant);
  await tx.record(record);
}

function timeOf(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}

function sealedOf(row: Row): SealedRow {
  return { dataKeyId: row.data_key_id as string, sealed: row.sealed as Buffer };
}

function grantOf(row: Row): GrantRow {
  return {
    ...sealedOf(row),
    uid: row.uid as string,
    user: row.user_name as string,
    resourceName: row.resource_name as string,
    origin: row.origin as string,
    issuer: row.issuer as string,
    scopes: row.scopes as string[],
    expiresAtMs: (row.expires_at_ms as number | null) ?? undefined,
    ended: row.ended as boolean,
    revision: row.revision as number,
    connectedAtMs: (row.connected_at_ms as number | null) ?? 0,
    usedAtMs: (row.used_at_ms as number | null) ?? 0,
  };
}
