import type { KeySpec } from '@sallyport/proto/identity/v1/identity_pb';
import type { KeyRecord } from './key.ts';
import type { SecretDigest } from './peppers.ts';
import type { RevocationsSeen } from './revocations.ts';

/** A stored secret's digest with the key it opens. */
export interface SecretMatch {
  readonly key: KeyRecord;
  readonly secret: SecretDigest;
  /** End of a replaced secret's grace, epoch ms; undefined: none. */
  readonly validUntilMs: number | undefined;
}

/** Why caches must drop a key. Only `changed` leaves it usable by the same secret. */
export type RevocationReason = 'revoked' | 'removed' | 'disabled' | 'rotated' | 'changed';

/** What was answered to a creation with an idempotency key. */
export interface RememberedCreation {
  readonly requestHash: Uint8Array;
  readonly keyId: string;
  readonly sealedSecret: Uint8Array;
}

/** Use of a key since the last write. */
export interface KeyUse {
  readonly tenant: string;
  readonly keyId: string;
  readonly endpoint: string;
  readonly atMs: number;
}

/** A key to be kept for the first time. */
export interface NewKey {
  readonly id: string;
  readonly spec: KeySpec;
  readonly prefix: string;
  readonly resourceUid: string | undefined;
  readonly generated: boolean;
}

/** What of a key changes; its revision rises by one. */
export interface KeyChange {
  readonly spec?: KeySpec;
  readonly prefix?: string;
  readonly generated?: boolean;
  readonly revokedReason?: string;
}

/** A live key of a resource, as operator needs to know it to find out whether the resource is still there. */
export interface OwnedKey {
  readonly id: string;
  readonly tenant: string;
  readonly resourceUid: string;
  readonly name: string;
}

/** Whose keys are listed; empty fields: everybody's. */
export interface KeyFilter {
  readonly owner: string;
  /** Keys that have teams and none beside these; with an owner, those and the owner's. */
  readonly teams: readonly string[];
}

/** Keys of one tenant, within one transaction. Rows that were read by `key…` are locked until its end. */
export interface KeyTransaction {
  keyById(id: string): Promise<KeyRecord | undefined>;
  /** The live key of a resource. */
  keyByResource(uid: string): Promise<KeyRecord | undefined>;
  /** The live key of this name. */
  keyByName(name: string): Promise<KeyRecord | undefined>;
  /** Keys by id, newest first, from below `before`. */
  list(before: string | undefined, limit: number, of?: KeyFilter): Promise<KeyRecord[]>;
  insert(key: NewKey): Promise<KeyRecord>;
  change(id: string, change: KeyChange): Promise<KeyRecord>;
  secretsOf(keyId: string): Promise<SecretDigest[]>;
  /** Throws `conflict` with path `/secretRef` when any key of any tenant has this digest already. */
  addSecret(keyId: string, secret: SecretDigest, lookupPrefix: string | undefined): Promise<void>;
  /** Ends the key's present secrets at a time, or at once. */
  endSecrets(keyId: string, validUntilMs: number | undefined): Promise<void>;
  /** Tells every replica to drop what it cached of the key; `by` is the id of who did it, if somebody did. */
  notify(keyId: string, reason: RevocationReason | `${RevocationReason}: ${string}`, by?: string): Promise<void>;
  creation(idempotencyKey: string): Promise<RememberedCreation | undefined>;
  rememberCreation(idempotencyKey: string, creation: RememberedCreation): Promise<void>;
}

/** The keys of all tenants. Rejects with `unavailable` when the database is. */
export interface KeyStore {
  /** Runs in one transaction that can see and change this tenant only. */
  inTenant<T>(tenant: string, work: (tx: KeyTransaction) => Promise<T>): Promise<T>;
  /** Secrets of any tenant with this public prefix. */
  secretsByPrefix(prefix: string): Promise<SecretMatch[]>;
  /** Secrets of any tenant with one of these digests. */
  secretsByDigest(digests: readonly Uint8Array[]): Promise<SecretMatch[]>;
  /** Moves a secret to the current pepper. */
  replaceDigest(match: SecretMatch, next: SecretDigest): Promise<void>;
  /** Live keys of resources of all tenants by id, from above `after`. */
  ownedAfter(after: string, limit: number): Promise<OwnedKey[]>;
  recordUse(uses: readonly KeyUse[]): Promise<void>;
  /** The feed's head and up to `limit` notices after `sequence`, in order. */
  revocationsAfter(sequence: number, limit: number): Promise<RevocationsSeen>;
  /** Deletes notices and remembered creations older than a time, and secrets whose grace is over. */
  prune(beforeMs: number): Promise<void>;
}
