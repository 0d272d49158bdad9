import type { WaitingRecord } from './outbox.ts';
import type { OwnedRows } from './owned-store.ts';

/** Where a Secret's value is: name of the Secret and key in it. */
export interface SecretRef {
  readonly name: string;
  readonly key: string;
}

/** A data key, wrapped by a master key. */
export interface WrappedKey {
  readonly id: string;
  readonly masterId: string;
  readonly wrapped: Uint8Array;
}

/** A sealed value as kept. */
export interface SealedSecret {
  readonly ref: SecretRef;
  readonly dataKeyId: string;
  readonly sealed: Uint8Array;
  readonly sourceVersion: string;
  /** Ours; rises with each change of the value. */
  readonly revision: number;
}

/** What a resource may lease, and where it may send it. */
export interface GrantRecord {
  readonly kind: string;
  readonly uid: string;
  readonly resourceName: string;
  /** Undefined where the resource names no Secret. */
  readonly ref: SecretRef | undefined;
  /** As `originOf` writes it. */
  readonly origin: string;
  /** Whose credentials may be used, in this order; empty: the Secret's alone. */
  readonly owners: readonly string[];
  /** How tokens are had, as the resource says it; undefined: not by OAuth. */
  readonly auth: unknown;
  /** Where the resource is; empty where nothing but the origin matters. */
  readonly url: string;
  readonly allowPrivate: boolean;
}

/** A grant as operator needs to know it to find out whether its resource is still there. */
export interface HeldGrant {
  readonly tenant: string;
  readonly kind: string;
  readonly uid: string;
  readonly resourceName: string;
}

/** One notice of the feed: leases of this secret, or of this resource, must be dropped. The sequence rises by one over all tenants. */
export interface InvalidationNotice {
  readonly tenant: string;
  readonly ref?: SecretRef;
  /** `user` is empty where it is about everybody. */
  readonly resource?: { readonly kind: string; readonly uid: string; readonly user: string };
  readonly sequence: number;
}

/** Leases of one grant since the last write. */
export interface LeaseCount {
  readonly tenant: string;
  readonly kind: string;
  readonly uid: string;
  readonly leases: number;
  /** Epoch milliseconds. */
  readonly lastAtMs: number;
}

/** Secrets and grants of one tenant, within one transaction. */
export interface VaultTransaction extends OwnedRows {
  /** The tenant's newest data key. */
  newestDataKey(): Promise<WrappedKey | undefined>;
  dataKey(id: string): Promise<WrappedKey | undefined>;
  /** Keeps the tenant's first data key, or gives the one that another replica was faster with. */
  addDataKey(key: WrappedKey): Promise<WrappedKey>;
  /** Notes that a value was put as it is. */
  touchSecret(ref: SecretRef): Promise<void>;
  /** Locked until the transaction ends when `forChange`. */
  secret(ref: SecretRef, forChange: boolean): Promise<SealedSecret | undefined>;
  putSecret(secret: Omit<SealedSecret, 'revision'>): Promise<void>;
  /** False when there was none. */
  removeSecret(ref: SecretRef): Promise<boolean>;
  grant(kind: string, uid: string): Promise<GrantRecord | undefined>;
  putGrant(grant: GrantRecord): Promise<void>;
  removeGrant(kind: string, uid: string): Promise<void>;
  /** Tells every replica that leases of this secret must be dropped. */
  notify(ref: SecretRef): Promise<void>;
  /** Tells every replica that all leases of this resource must be dropped, or those of one person. */
  notifyResource(kind: string, uid: string, user?: string): Promise<void>;
  /** The newest grant of a resource of this name. */
  grantNamed(kind: string, resourceName: string): Promise<GrantRecord | undefined>;
  /** Grants of these resources by UID. */
  grantsOf(resources: readonly { readonly uid: string }[]): Promise<ReadonlyMap<string, GrantRecord>>;
  /** Grants of resources that use credentials of several owners, by kind and name. */
  lendingGrants(limit: number): Promise<GrantRecord[]>;
  /** Grants of tool servers that people connect by OAuth, by name. */
  connectable(limit: number): Promise<GrantRecord[]>;
  /** Grants of identity providers of an issuer whose sign-ins may be kept, by name. */
  signInsAt(issuer: string): Promise<GrantRecord[]>;
  /** Deletes what people's sign-ins left under the UID of such a grant. */
  removeSignIns(uid: string): Promise<void>;
  /** UIDs of tool servers that are called by sign-ins at an issuer. */
  delegatedBy(issuer: string): Promise<string[]>;
  /** Puts a record into the outbox to audit. */
  record(record: WaitingRecord): Promise<void>;
}

/** What one look at the feed tells. */
export interface InvalidationsSeen {
  readonly head: number;
  readonly notices: InvalidationNotice[];
  /** Audit does not have all records yet. */
  readonly recordsWait: boolean;
}

/** The vault's memory. Rejects with `unavailable` when the database is. */
export interface VaultStore {
  /** Runs in one transaction that can see and change this tenant only. */
  inTenant<T>(tenant: string, work: (tx: VaultTransaction) => Promise<T>): Promise<T>;
  /** Grants of all tenants by tenant, kind and UID, from above `after`. */
  grantsAfter(after: Omit<HeldGrant, 'resourceName'> | undefined, limit: number): Promise<HeldGrant[]>;
  /** Deletes values that no grant names and that were not put since a time (epoch ms); answers how many. */
  removeUngranted(beforeMs: number): Promise<number>;
  recordLeases(counts: readonly LeaseCount[]): Promise<void>;
  /** Puts records into the outbox to audit. */
  addRecords(records: readonly { readonly tenant: string; readonly record: WaitingRecord }[]): Promise<void>;
  /** The feed's head and up to `limit` notices after `sequence`, in order. */
  invalidationsAfter(sequence: number, limit: number): Promise<InvalidationsSeen>;
  /** Deletes notices older than a time (epoch ms). */
  prune(beforeMs: number): Promise<void>;
}
