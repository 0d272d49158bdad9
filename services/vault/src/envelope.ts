import { randomBytes } from 'node:crypto';
import type { FileKey } from '@sallyport/chassis/key-file';
import { sealer } from '@sallyport/chassis/seal';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { SecretRef, WrappedKey } from './vault-store.ts';

const KEY_BYTES = 32;

/**
 * Two layers: values are sealed (AES-256-GCM) by a data key of their tenant, and data keys are wrapped by a master key
 * from the file. Each layer is bound to its place, so that a row copied to another tenant or name does not open.
 */
export interface Envelope {
  /** Id of the master key that wraps new data keys: the first of the file. */
  readonly masterId: string;
  newDataKey(tenant: string): WrappedKey;
  /** The same data key under the current master key. */
  rewrap(tenant: string, key: WrappedKey): WrappedKey;
  seal(tenant: string, key: WrappedKey, ref: SecretRef, value: string): Uint8Array;
  /** Throws when anything was altered, moved, or the master key is missing from the file. */
  open(tenant: string, key: WrappedKey, ref: SecretRef, sealed: Uint8Array): string;
}

/** Makes the envelope from the master keys of the file, newest first. Throws without any. */
export function createEnvelope(masterKeys: readonly FileKey[]): Envelope {
  const current = masterKeys[0];
  if (current === undefined) throw new Error('at least one master key is needed');
  const masters = sealer(masterKeys);
  const unwrap = (tenant: string, key: WrappedKey) => masters.open(key.wrapped, wrapAad(tenant, key.id));
  const dataSealer = (tenant: string, key: WrappedKey) => sealer([{ id: key.id, key: unwrap(tenant, key) }]);
  const wrap = (tenant: string, id: string, dataKey: Uint8Array): WrappedKey => ({
    id,
    masterId: current.id,
    wrapped: masters.seal(dataKey, wrapAad(tenant, id)),
  });
  return {
    masterId: current.id,
    newDataKey: (tenant) => wrap(tenant, uuidv7(), randomBytes(KEY_BYTES)),
    rewrap: (tenant, key) => wrap(tenant, key.id, unwrap(tenant, key)),
    seal: (tenant, key, ref, value) => dataSealer(tenant, key).seal(Buffer.from(value, 'utf8'), valueAad(tenant, ref)),
    open: (tenant, key, ref, sealed) => dataSealer(tenant, key).open(sealed, valueAad(tenant, ref)).toString('utf8'),
  };
}

// JSON keeps the parts apart whatever characters they hold.
function wrapAad(tenant: string, id: string): string {
  return JSON.stringify(['data-key', tenant, id]);
}

function valueAad(tenant: string, ref: SecretRef): string {
  return JSON.stringify(['secret', tenant, ref.name, ref.key]);
}
