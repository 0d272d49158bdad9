import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { KeySpec } from '@sallyport/proto/identity/v1/identity_pb';
import { type AdministrationOptions, checkedTenant, endKey, reasonOfChange } from './administration.ts';
import type { KeyRecord } from './key.ts';
import { checkedSpec, sameSpec } from './key-spec.ts';
import type { KeyTransaction, OwnedKey } from './key-store.ts';
import { matchesDigest } from './peppers.ts';
import { faultOfChosenSecret, generateSecret, lookupPrefixOf, shownPrefixOf } from './secret.ts';

const MAX_PAGE = 500;

/** What a VirtualKey resource asks for. */
export interface ResourceKey {
  readonly tenant: string;
  readonly resourceUid: string;
  readonly spec?: KeySpec | undefined;
  /** Chosen by the user; empty: one is generated. */
  readonly secret: string;
  /** Generate anew although one exists. */
  readonly regenerate: boolean;
  /** The secret cannot be told now: a key that is there follows the spec and keeps its secret. */
  readonly keepSecret?: boolean;
}

/** Keys that VirtualKey resources own: made, changed and ended as the resources say. */
export interface ResourceKeys {
  /**
   * Idempotent. `generatedSecret` is empty unless a secret was made now. A secret that any other key has is `conflict`
   * with path `/secretRef`, whosever that key is. Nothing is kept of a key that is not there: `not_found`.
   */
  upsert(wanted: ResourceKey): Promise<{ key: KeyRecord; generatedSecret: string }>;
  /** Idempotent: an unknown resource has no key to remove. */
  remove(tenant: string, resourceUid: string): Promise<void>;
  /** Live keys of resources over all tenants, page by page. */
  list(pageSize: number, pageToken: string): Promise<{ keys: OwnedKey[]; nextPageToken: string }>;
}

/** Makes the part of identity that operator drives. */
export function createResourceKeys(options: Omit<AdministrationOptions, 'memory'>): ResourceKeys {
  const { store, peppers, onNotice } = options;

  const insert = async (tx: KeyTransaction, wanted: ResourceKey, spec: KeySpec) => {
    const holder = await tx.keyByName(spec.name);
    if (holder !== undefined) {
      if (holder.resourceUid === undefined) {
        throw new GatewayError('conflict', 'A key made by the admin API has this name.', {
          details: { path: '/metadata/name' },
        });
      }
      // Two live resources never share a name, so the other one is gone and its removal was missed.
      await endKey(tx, holder, 'removed');
    }
    const generated = wanted.secret === '';
    const secret = generated ? generateSecret() : wanted.secret;
    const key = await tx.insert({
      id: uuidv7(),
      spec,
      prefix: shownPrefixOf(secret),
      resourceUid: wanted.resourceUid,
      generated,
    });
    await tx.addSecret(key.id, peppers.digest(secret), lookupPrefixOf(secret));
    return { key, generatedSecret: generated ? secret : '' };
  };

  const replaceSecret = async (tx: KeyTransaction, key: KeyRecord, secret: string, generated: boolean) => {
    await tx.endSecrets(key.id, undefined);
    await tx.addSecret(key.id, peppers.digest(secret), lookupPrefixOf(secret));
    const changed = await tx.change(key.id, { prefix: shownPrefixOf(secret), generated });
    await tx.notify(key.id, 'rotated');
    return { key: changed, generatedSecret: generated ? secret : '' };
  };

  const update = async (tx: KeyTransaction, held: KeyRecord, wanted: ResourceKey, spec: KeySpec) => {
    let key = held;
    if (!sameSpec(key.spec, spec)) {
      key = await tx.change(key.id, { spec });
      await tx.notify(key.id, reasonOfChange(spec));
    }
    if (wanted.keepSecret === true) return { key, generatedSecret: '' };
    if (wanted.secret === '') {
      if (key.generated && !wanted.regenerate) return { key, generatedSecret: '' };
      return replaceSecret(tx, key, generateSecret(), true);
    }
    const candidates = peppers.candidates(wanted.secret);
    const secrets = await tx.secretsOf(key.id);
    if (secrets.some((secret) => matchesDigest(candidates, secret))) return { key, generatedSecret: '' };
    return replaceSecret(tx, key, wanted.secret, false);
  };

  // The index over digests cannot see that one secret is held under an older pepper; two keys with it would shut both out.
  const refuseTakenSecret = async (wanted: ResourceKey, spec: KeySpec) => {
    const candidates = peppers.candidates(wanted.secret);
    const prefix = lookupPrefixOf(wanted.secret);
    const found =
      prefix === undefined
        ? await store.secretsByDigest(candidates.map(({ digest }) => digest))
        : await store.secretsByPrefix(prefix);
    const taken = found.some(({ key, secret }) => {
      if (!matchesDigest(candidates, secret)) return false;
      // A key of the same name is this one, or is ended when this one is made.
      return key.tenant !== wanted.tenant || key.spec.name !== spec.name;
    });
    if (!taken) return;
    throw new GatewayError('conflict', 'This secret cannot be used; choose another.', {
      details: { path: '/secretRef' },
    });
  };

  return {
    async upsert(wanted) {
      const spec = checkedSpec(wanted.spec);
      const fault = wanted.secret === '' ? undefined : faultOfChosenSecret(wanted.secret);
      if (fault !== undefined) throw new GatewayError('invalid_request', fault, { details: { path: '/secretRef' } });
      checkUid(wanted.resourceUid);
      if (wanted.secret !== '') await refuseTakenSecret(wanted, spec);
      const result = await store.inTenant(checkedTenant(wanted.tenant), async (tx) => {
        const held = await tx.keyByResource(wanted.resourceUid);
        if (held !== undefined) return update(tx, held, wanted, spec);
        if (wanted.keepSecret === true) throw new GatewayError('not_found', 'There is no key of this resource yet.');
        return insert(tx, wanted, spec);
      });
      onNotice();
      return result;
    },
    async remove(tenant, resourceUid) {
      checkUid(resourceUid);
      await store.inTenant(checkedTenant(tenant), async (tx) => {
        const held = await tx.keyByResource(resourceUid);
        if (held !== undefined) await endKey(tx, held, 'removed');
      });
      onNotice();
    },
    async list(pageSize, pageToken) {
      const size = Math.min(Math.max(1, pageSize || MAX_PAGE), MAX_PAGE);
      const found = await store.ownedAfter(pageToken, size + 1);
      const keys = found.slice(0, size);
      return { keys, nextPageToken: found.length > size ? (keys.at(-1)?.id ?? '') : '' };
    },
  };
}

function checkUid(uid: string): void {
  if (uid === '') throw new GatewayError('invalid_request', 'The resource UID is missing.');
}
