import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { tellLeases } from '../oauth/lease-notices.ts';
import type { GrantRow, OAuthStore } from '../oauth/oauth-store.ts';
import type { WaitingRecord } from '../outbox.ts';
import type { MemoryVaultStore } from './memory-vault-store.ts';

/** Grants in memory, for tests: what oauth-store.ts promises of them, without flows and registrations. */
export interface MemoryOAuthStore extends OAuthStore {
  /** Rows by `tenant/uid/user`, for tests that alter them. */
  readonly held: Map<string, GrantRow>;
  /** Actions of the records that were written beside changes, with what they say, in order. */
  readonly told: { readonly action: string; readonly change?: Readonly<Record<string, unknown>> }[];
}

/** Makes one beside a vault store in memory. */
export function memoryOAuthStore(store: MemoryVaultStore): MemoryOAuthStore {
  const held = new Map<string, GrantRow>();
  const claims = new Map<string, string>();
  const challenges = new Map<string, string>();
  const told: MemoryOAuthStore['told'] = [];
  const at = (tenant: string, { uid, user }: Pick<GrantRow, 'uid' | 'user'>) => `${tenant}/${uid}/${user}`;
  const tell = async (tenant: string, row: GrantRow, { bytes }: WaitingRecord) => {
    await store.inTenant(tenant, (tx) => tellLeases(tx, row));
    const { detailJson = '{}' } = codecOf(RecordSchema).decode(bytes) as { detailJson?: string };
    told.push(JSON.parse(detailJson));
  };
  const none = () => Promise.reject(new Error('this store holds grants only'));
  return {
    held,
    told,
    inTenant: store.inTenant,
    dataKey: (tenant, make) =>
      store.inTenant(tenant, async (tx) => (await tx.newestDataKey()) ?? (await tx.addDataKey(await make()))),
    openingKey: (tenant, id) => store.inTenant(tenant, (tx) => tx.dataKey(id)),
    client: none,
    addClient: none,
    removeClient: none,
    addFlow: none,
    takeFlow: none,
    prune: async () => undefined,
    used: async () => undefined,
    async addChallenge(tenant, uid, user, claims) {
      challenges.set(at(tenant, { uid, user }), claims);
    },
    async takeChallenge(tenant, uid, user) {
      const claims = challenges.get(at(tenant, { uid, user }));
      challenges.delete(at(tenant, { uid, user }));
      return claims;
    },
    grant: async (tenant, uid, user) => held.get(at(tenant, { uid, user })),
    anyGrant: async (tenant, uid, origin) =>
      [...held]
        .filter(([id, row]) => id.startsWith(`${tenant}/${uid}/`) && row.origin === origin && !row.ended)
        .map(([, row]) => row)
        .sort((a, b) => a.connectedAtMs - b.connectedAtMs)[0],
    grantsOf: async (tenant, user) =>
      [...held].filter(([id, row]) => id.startsWith(`${tenant}/`) && row.user === user).map(([, row]) => row),
    async connect(tenant, grant, record) {
      const revision = (held.get(at(tenant, grant))?.revision ?? 0) + 1;
      const row = { ...grant, ended: false, revision, connectedAtMs: 1_000, usedAtMs: 0 };
      held.set(at(tenant, grant), row);
      await tell(tenant, row, record);
      return row;
    },
    async claim(tenant, grant, by) {
      const id = at(tenant, grant);
      const row = held.get(id);
      if (claims.has(id) || row?.revision !== grant.revision || row.ended) return false;
      claims.set(id, by);
      return true;
    },
    async release(tenant, grant, by) {
      if (claims.get(at(tenant, grant)) === by) claims.delete(at(tenant, grant));
    },
    async refreshed(tenant, grant, by, next) {
      const id = at(tenant, grant);
      const row = held.get(id);
      if (row?.revision !== grant.revision || claims.get(id) !== by) return undefined;
      claims.delete(id);
      const renewed = { ...row, ...next, revision: row.revision + 1 };
      held.set(id, renewed);
      return renewed;
    },
    async end(tenant, grant, record) {
      const id = at(tenant, grant);
      const row = held.get(id);
      if (row === undefined || row.ended || row.revision !== grant.revision) return;
      claims.delete(id);
      held.set(id, { ...row, ended: true });
      await tell(tenant, row, record);
    },
    async remove(tenant, uid, user, record) {
      const id = at(tenant, { uid, user });
      const row = held.get(id);
      if (row === undefined || !held.delete(id)) return undefined;
      await tell(tenant, row, record);
      return row;
    },
  };
}
