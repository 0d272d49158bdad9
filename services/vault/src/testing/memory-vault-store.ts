import type {
  GrantRecord,
  InvalidationNotice,
  SealedSecret,
  SecretRef,
  VaultStore,
  WrappedKey,
} from '../vault-store.ts';

/** A vault store in memory, for tests: the contract of store.ts without its durability. */
export interface MemoryVaultStore extends VaultStore {
  readonly notices: InvalidationNotice[];
  /** Rows by `tenant/name/key`, for tests that alter or move them. */
  readonly secrets: Map<string, SealedSecret>;
  readonly leases: Map<string, number>;
}

/** Makes one. */
export function memoryVaultStore(): MemoryVaultStore {
  const dataKeys = new Map<string, WrappedKey>();
  const secrets = new Map<string, SealedSecret>();
  const grants = new Map<string, GrantRecord>();
  const leases = new Map<string, number>();
  const notices: InvalidationNotice[] = [];
  return {
    notices,
    secrets,
    leases,
    inTenant(tenant, work) {
      const at = (ref: SecretRef) => `${tenant}/${ref.name}/${ref.key}`;
      const first = async () => [...dataKeys].find(([id]) => id.startsWith(`${tenant}/`))?.[1];
      return work({
        newestDataKey: first,
        dataKey: async (id) => dataKeys.get(`${tenant}/${id}`),
        async addDataKey(key) {
          dataKeys.set(`${tenant}/${key.id}`, key);
          return key;
        },
        secret: async (ref) => secrets.get(at(ref)),
        async putSecret(secret) {
          const revision = (secrets.get(at(secret.ref))?.revision ?? 0) + 1;
          secrets.set(at(secret.ref), { ...secret, revision });
        },
        touchSecret: async () => undefined,
        removeSecret: async (ref) => secrets.delete(at(ref)),
        grant: async (kind, uid) => grants.get(`${tenant}/${kind}/${uid}`),
        async putGrant(grant) {
          grants.set(`${tenant}/${grant.kind}/${grant.uid}`, grant);
        },
        async removeGrant(kind, uid) {
          grants.delete(`${tenant}/${kind}/${uid}`);
        },
        async notify(ref) {
          notices.push({ tenant, ref, sequence: notices.length + 1 });
        },
      });
    },
    async grantsAfter(after, limit) {
      const from = after === undefined ? '' : `${after.tenant}/${after.kind}/${after.uid}`;
      return [...grants]
        .filter(([id]) => id > from)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit)
        .map(([id, { kind, uid, resourceName }]) => ({
          tenant: id.slice(0, id.indexOf('/')),
          kind,
          uid,
          resourceName,
        }));
    },
    removeUngranted: async () => 0,
    async recordLeases(counts) {
      for (const { tenant, kind, uid, leases: count } of counts) {
        const id = `${tenant}/${kind}/${uid}`;
        leases.set(id, (leases.get(id) ?? 0) + count);
      }
    },
    addRecords: async () => undefined,
    invalidationsAfter: async (sequence, limit) => ({
      head: notices.length,
      notices: notices.filter((notice) => notice.sequence > sequence).slice(0, limit),
    }),
    prune: async () => undefined,
  };
}
