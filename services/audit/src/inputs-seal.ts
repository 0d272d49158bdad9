import type { FileKey } from '@sallyport/chassis/key-file';
import { deriveKey, type Sealer, sealer } from '@sallyport/chassis/seal';

/** Seals and opens decision inputs, each tenant under keys of its own. */
export interface InputsSeal {
  seal(tenant: string, id: string, inputs: string): Uint8Array;
  /** Throws when the bytes were sealed for another tenant or record, or under a key that is gone. */
  open(tenant: string, id: string, sealed: Uint8Array): string;
}

const MAX_TENANTS = 1_000;

/** Derives the keys of each tenant from the key file (HKDF, the tenant in its purpose). */
export function createInputsSeal(keys: readonly FileKey[]): InputsSeal {
  const sealers = new Map<string, Sealer>();
  const sealerOf = (tenant: string) => {
    const known = sealers.get(tenant);
    if (known !== undefined) return known;
    const own = sealer(keys.map(({ id, key }) => ({ id, key: deriveKey(key, `audit inputs ${tenant}`) })));
    // Derived in microseconds: starting over beats keeping an order of use.
    if (sealers.size >= MAX_TENANTS) sealers.clear();
    sealers.set(tenant, own);
    return own;
  };
  const bound = (tenant: string, id: string) => `${tenant}\n${id}`;
  return {
    seal: (tenant, id, inputs) => sealerOf(tenant).seal(Buffer.from(inputs), bound(tenant, id)),
    open: (tenant, id, sealed) => sealerOf(tenant).open(sealed, bound(tenant, id)).toString('utf8'),
  };
}
