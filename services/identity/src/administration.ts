import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { KeySpec } from '@sallyport/proto/identity/v1/identity_pb';
import type { CreationMemory } from './creation-memory.ts';
import { type KeyRecord, stateOf } from './key.ts';
import { checkedSpec, sameSpec } from './key-spec.ts';
import type { KeyFilter, KeyStore, KeyTransaction, RevocationReason } from './key-store.ts';
import type { Peppers } from './peppers.ts';
import { generateSecret, lookupPrefixOf, shownPrefixOf } from './secret.ts';

/** Longest grace of a replaced secret. */
export const MAX_GRACE_MS = 30 * 24 * 3600 * 1000;
const MAX_REASON = 500;
const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

/** A key, and its secret when that was made now: shown once. */
export interface KeyWithSecret {
  readonly key: KeyRecord;
  readonly secret: string;
}

/**
 * What the admin API does with keys of one tenant; keys of other tenants and unknown ones are `not_found` alike. `by`: the
 * principal who does it, for the record.
 */
export interface KeyAdministration {
  create(tenant: string, spec: KeySpec | undefined, idempotencyKey: string): Promise<KeyWithSecret>;
  /** With a revision: `conflict`, the present one in its details, unless the key still has it. */
  update(
    tenant: string,
    id: string,
    spec: KeySpec | undefined,
    expectedRevision?: number,
    by?: string,
  ): Promise<KeyRecord>;
  /** Ends a key for good, with a reason for people. Again: no change. */
  revoke(tenant: string, id: string, reason: string, by?: string): Promise<KeyRecord>;
  /** A new secret; the old ones stay valid for `graceMs`. */
  rotate(tenant: string, id: string, graceMs: number, by?: string): Promise<KeyWithSecret>;
  get(tenant: string, id: string): Promise<KeyRecord>;
  list(
    tenant: string,
    pageSize: number,
    pageToken: string,
    of?: KeyFilter,
  ): Promise<{ keys: KeyRecord[]; nextPageToken: string }>;
}

/** What administration works on. `onNotice` runs after each committed revocation, so that the feed looks at once. */
export interface AdministrationOptions {
  readonly store: KeyStore;
  readonly peppers: Peppers;
  readonly memory: CreationMemory;
  readonly onNotice: () => void;
  readonly now?: () => number;
}

/** Makes the administration of keys that no resource owns; those that one owns are refused with `conflict`. */
export function createAdministration(options: AdministrationOptions): KeyAdministration {
  const { store, peppers, memory, onNotice, now = Date.now } = options;

  const own = async (tx: KeyTransaction, id: string): Promise<KeyRecord> => {
    const key = await tx.keyById(id);
    if (key === undefined) throw notFound();
    if (key.resourceUid !== undefined) {
      throw new GatewayError('conflict', 'A VirtualKey resource owns this key; change the resource.', {
        details: { resource: { kind: 'VirtualKey', name: key.spec.name, uid: key.resourceUid } },
      });
    }
    return key;
  };
  const noticed = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    onNotice();
    return result;
  };

  return {
    async create(tenant, given, idempotencyKey) {
      const spec = checkedSpec(given);
      return store.inTenant(checkedTenant(tenant), async (tx) => {
        const remembered = await memory.recall(tx, tenant, idempotencyKey, spec);
        if (remembered !== undefined) {
          const key = await tx.keyById(remembered.keyId);
          if (key === undefined) throw notFound();
          return { key, secret: remembered.secret };
        }
        await refuseTakenName(tx, spec.name, undefined);
        const secret = generateSecret();
        const key = await tx.insert({
          id: uuidv7(),
          spec,
          prefix: shownPrefixOf(secret),
          resourceUid: undefined,
          generated: true,
        });
        await tx.addSecret(key.id, peppers.digest(secret), lookupPrefixOf(secret));
        await memory.remember(tx, tenant, idempotencyKey, spec, key.id, secret);
        return { key, secret };
      });
    },

    async update(tenant, id, given, expectedRevision, by) {
      const spec = checkedSpec(given);
      const work = store.inTenant(checkedTenant(tenant), async (tx) => {
        const key = await own(tx, id);
        if (stateOf(key, now()) === 'revoked') throw new GatewayError('conflict', 'The key is revoked for good.');
        if (expectedRevision !== undefined && expectedRevision !== key.revision) {
          throw new GatewayError('conflict', 'The key was changed meanwhile.', { details: { revision: key.revision } });
        }
        if (sameSpec(key.spec, spec)) return key;
        await refuseTakenName(tx, spec.name, id);
        const changed = await tx.change(id, { spec });
        await tx.notify(id, reasonOfChange(spec), by);
        return changed;
      });
      return noticed(work);
    },

    async revoke(tenant, id, reason, by) {
      const told = reason.trim() === '' ? 'revoked' : reason.trim().slice(0, MAX_REASON);
      const work = store.inTenant(checkedTenant(tenant), async (tx) => {
        const key = await own(tx, id);
        return key.revokedAtMs === undefined ? endKey(tx, key, 'revoked', told, by) : key;
      });
      return noticed(work);
    },

    async rotate(tenant, id, graceMs, by) {
      if (!(graceMs >= 0 && graceMs <= MAX_GRACE_MS)) {
        throw new GatewayError('invalid_request', 'The grace must be 0 to 30 days.', { details: { path: '/grace' } });
      }
      const work = store.inTenant(checkedTenant(tenant), async (tx) => {
        const key = await own(tx, id);
        if (key.revokedAtMs !== undefined) throw new GatewayError('conflict', 'The key is revoked for good.');
        const secret = generateSecret();
        await tx.endSecrets(id, graceMs === 0 ? undefined : now() + graceMs);
        await tx.addSecret(id, peppers.digest(secret), lookupPrefixOf(secret));
        const changed = await tx.change(id, { prefix: shownPrefixOf(secret), generated: true });
        await tx.notify(id, graceMs === 0 ? 'rotated' : 'changed', by);
        return { key: changed, secret };
      });
      return noticed(work);
    },

    async get(tenant, id) {
      const key = await store.inTenant(checkedTenant(tenant), (tx) => tx.keyById(id));
      if (key === undefined) throw notFound();
      return key;
    },

    async list(tenant, pageSize, pageToken, of) {
      const size = pageSize <= 0 ? DEFAULT_PAGE : Math.min(pageSize, MAX_PAGE);
      const before = pageToken === '' ? undefined : pageToken;
      const found = await store.inTenant(checkedTenant(tenant), (tx) => tx.list(before, size + 1, of));
      const keys = found.slice(0, size);
      return { keys, nextPageToken: found.length > size ? (keys[size - 1] as KeyRecord).id : '' };
    },
  };
}

/** Ends a live key and its secrets; `told` is kept as the reason for people. */
export async function endKey(
  tx: KeyTransaction,
  key: KeyRecord,
  reason: RevocationReason,
  told: string = reason,
  by = '',
): Promise<KeyRecord> {
  await tx.endSecrets(key.id, undefined);
  const ended = await tx.change(key.id, { revokedReason: told });
  // Only the reason `changed` alone says that nothing ended, whatever people write.
  await tx.notify(key.id, told === reason ? reason : `${reason}: ${told}`, by);
  return ended;
}

/** What a changed spec means for those who cached the key. */
export function reasonOfChange(spec: KeySpec): RevocationReason {
  return spec.disabled ? 'disabled' : 'changed';
}

/** A tenant that rows may be kept under; `*` would reach across all. */
export function checkedTenant(tenant: string): string {
  if (tenant === '' || tenant === '*') throw new GatewayError('invalid_request', 'The tenant is missing.');
  return tenant;
}

async function refuseTakenName(tx: KeyTransaction, name: string, id: string | undefined): Promise<void> {
  const holder = await tx.keyByName(name);
  if (holder !== undefined && holder.id !== id) {
    throw new GatewayError('conflict', 'Another key has this name.', { details: { path: '/name' } });
  }
}

function notFound(): GatewayError {
  return new GatewayError('not_found', 'There is no such key.');
}
