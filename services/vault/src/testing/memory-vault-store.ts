import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { type Record as AuditRecord, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { type OwnedCredential, ownerText, sameOwner } from '../owner.ts';
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
  /** What was put into the outbox. */
  readonly records: AuditRecord[];
}

/** Makes one. */
export function memoryVaultStore(): MemoryVaultStore {
  const dataKeys = new Map<string, WrappedKey>();
  const secrets = new Map<string, SealedSecret>();
  const grants = new Map<string, GrantRecord>();
  const leases = new Map<string, number>();
  const notices: InvalidationNotice[] = [];
  const records: AuditRecord[] = [];
  const owned = new Map<string, OwnedCredential>();
  const within = <T>(rows: Map<string, T>, tenant: string) =>
    [...rows].filter(([id]) => id.startsWith(`${tenant}/`)).map(([, row]) => row);
  const grantsIn = (tenant: string) => within(grants, tenant);
  const ownedIn = (tenant: string) => within(owned, tenant);
  return {
    notices,
    records,
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
        async notifyResource(kind, uid, user = '') {
          notices.push({ tenant, resource: { kind, uid, user }, sequence: notices.length + 1 });
        },
        async record(record) {
          records.push(codecOf(RecordSchema).decode(record.bytes) as AuditRecord);
        },
        grantNamed: async (kind, name) =>
          grantsIn(tenant).find((grant) => grant.kind === kind && grant.resourceName === name),
        grantsOf: async (resources) =>
          new Map(
            grantsIn(tenant)
              .filter((grant) => resources.some(({ uid }) => uid === grant.uid))
              .map((grant) => [grant.uid, grant]),
          ),
        connectable: async () => grantsIn(tenant).filter(({ auth }) => auth !== undefined),
        signInsAt: async (issuer) =>
          grantsIn(tenant).filter(({ kind, auth }) => {
            const { type, issuer: own } = (auth ?? {}) as Record<string, unknown>;
            return kind === 'IdentityProvider' && type === 'SignIn' && own === issuer;
          }),
        removeSignIns: async () => undefined,
        delegatedBy: async (issuer) =>
          grantsIn(tenant).flatMap(({ kind, uid, auth }) => {
            const { identityIssuer, issuer: own } = (auth ?? {}) as Record<string, unknown>;
            return kind === 'ToolServer' && (identityIssuer ?? own) === issuer ? [uid] : [];
          }),
        lendingGrants: async () => grantsIn(tenant).filter(({ owners }) => owners.length > 0),
        owned: async (kind, uid, owners) =>
          ownedIn(tenant).filter(
            (one) => one.kind === kind && one.uid === uid && owners.some((owner) => sameOwner(owner, one.owner)),
          ),
        ownedBy: async (owners) =>
          ownedIn(tenant).filter((one) => owners.length === 0 || owners.some((owner) => sameOwner(owner, one.owner))),
        async putOwned(credential) {
          const id = `${tenant}/${credential.kind}/${credential.uid}/${ownerText(credential.owner)}`;
          const revision = (owned.get(id)?.revision ?? 0) + 1;
          const row = { ...credential, revision, changedAtMs: Date.now() };
          owned.set(id, row);
          return row;
        },
        async removeOwned(owner, kind, name) {
          const gone = [...owned].filter(
            ([id, one]) =>
              id.startsWith(`${tenant}/`) &&
              sameOwner(owner, one.owner) &&
              one.kind === kind &&
              one.resourceName === name,
          );
          for (const [id] of gone) owned.delete(id);
          return gone.map(([, one]) => one);
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
      recordsWait: false,
    }),
    prune: async () => undefined,
  };
}
