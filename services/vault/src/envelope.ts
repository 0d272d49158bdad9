import { randomBytes } from 'node:crypto';
import { sealer } from '@sallyport/chassis/seal';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Masters } from './envelope-masters.ts';
import type { SecretRef, WrappedKey } from './vault-store.ts';

const KEY_BYTES = 32;
/** Opened data keys are kept this long, so that neither a lease nor an outage of transit asks it each time. */
const KEPT_MS = 10 * 60_000;
const MAX_KEPT = 5_000;

/** Names the row that a value is sealed into: its kind of row first. */
export type Place = readonly [kind: string, ...parts: string[]];

/**
 * Two layers: values are sealed (AES-256-GCM) by a data key of their tenant, and data keys are wrapped by a master key.
 * Each layer is bound to its place, so that a row copied to another tenant or name does not open.
 */
export interface Envelope {
  /** Id of the master key that wraps new data keys. */
  masterId(): string;
  /** Chooses it: the newest that all replicas know. */
  useMaster(id: string): void;
  newDataKey(tenant: string): Promise<WrappedKey>;
  /** The same data key under the current master key. */
  rewrap(tenant: string, key: WrappedKey): Promise<WrappedKey>;
  seal(tenant: string, key: WrappedKey, place: Place, value: string): Promise<Buffer>;
  /** Throws when anything was altered or moved, or the master key is missing; `unavailable` while transit is away. */
  open(tenant: string, key: WrappedKey, place: Place, sealed: Uint8Array): Promise<string>;
}

/** The place of a Secret's value. */
export function secretPlace({ name, key }: SecretRef): Place {
  return ['secret', name, key];
}

/** Makes the envelope. Throws when there is no master key at all. */
export function createEnvelope(masters: Masters): Envelope {
  const kept = new Map<string, { readonly dataKey: Buffer; readonly until: number }>();
  let chosen = '';
  const masterId = () => {
    const ids = masters.ids();
    const id = ids.includes(chosen) ? chosen : ids[0];
    if (id === undefined) throw new Error('at least one master key is needed');
    return id;
  };
  const keep = (tenant: string, id: string, dataKey: Buffer) => {
    const oldest = kept.size >= MAX_KEPT ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
    kept.set(JSON.stringify([tenant, id]), { dataKey, until: performance.now() + KEPT_MS });
  };
  const unwrap = async (tenant: string, key: WrappedKey): Promise<Buffer> => {
    const held = kept.get(JSON.stringify([tenant, key.id]));
    if (held !== undefined && performance.now() < held.until) return held.dataKey;
    const dataKey = await masters.unwrap(key.masterId, key.wrapped, wrapAad(tenant, key.id));
    keep(tenant, key.id, dataKey);
    return dataKey;
  };
  const wrap = async (tenant: string, id: string, dataKey: Uint8Array): Promise<WrappedKey> => {
    const master = masterId();
    return { id, masterId: master, wrapped: await masters.wrap(master, dataKey, wrapAad(tenant, id)) };
  };
  const dataSealer = async (tenant: string, key: WrappedKey) =>
    sealer([{ id: key.id, key: await unwrap(tenant, key) }]);
  return {
    masterId,
    useMaster(id) {
      chosen = id;
    },
    newDataKey: (tenant) => wrap(tenant, uuidv7(), randomBytes(KEY_BYTES)),
    // Unwrapped anew and not from memory: a row that does not open must not go over to the new master unseen.
    rewrap: async (tenant, key) =>
      wrap(tenant, key.id, await masters.unwrap(key.masterId, key.wrapped, wrapAad(tenant, key.id))),
    seal: async (tenant, key, place, value) =>
      (await dataSealer(tenant, key)).seal(Buffer.from(value, 'utf8'), valueAad(tenant, place)),
    open: async (tenant, key, place, sealed) =>
      (await dataSealer(tenant, key)).open(sealed, valueAad(tenant, place)).toString('utf8'),
  };
}

// JSON keeps the parts apart whatever characters they hold.
function wrapAad(tenant: string, id: string): string {
  return JSON.stringify(['data-key', tenant, id]);
}

function valueAad(tenant: string, [kind, ...parts]: Place): string {
  return JSON.stringify([kind, tenant, ...parts]);
}
