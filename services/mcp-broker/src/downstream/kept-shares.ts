import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Bounds } from './shares.ts';

/** Values by unique keys, of which a principal, a tenant and all together keep so many: who keeps more loses their own oldest. */
export interface KeptShares<T> {
  get(key: string): T | undefined;
  put(principal: Pick<Principal, 'tenant' | 'id'>, key: string, value: T): void;
  drop(key: string): void;
}

interface Kept<T> {
  readonly tenant: string;
  readonly owner: string;
  readonly value: T;
}

/** Makes them. */
export function keptShares<T>(bounds: Bounds): KeptShares<T> {
  const kept = new Map<string, Kept<T>>();
  /** Keys by tenant and by principal, the oldest first. */
  const keysOf = new Map<string, Set<string>>();
  const drop = (key: string) => {
    const held = kept.get(key);
    if (held === undefined) return;
    kept.delete(key);
    for (const whose of [held.tenant, held.owner]) {
      const keys = keysOf.get(whose);
      keys?.delete(key);
      if (keys?.size === 0) keysOf.delete(whose);
    }
  };
  const oldestOf = (keys: Iterable<string>) => keys[Symbol.iterator]().next().value as string;
  return {
    get: (key) => kept.get(key)?.value,
    drop,
    put({ tenant, id }, key, value) {
      drop(key);
      const owner = `${tenant}\n${id}`;
      for (const [whose, most] of [
        [owner, bounds.principal],
        [tenant, bounds.tenant],
      ] as const) {
        const keys = keysOf.get(whose);
        if (keys !== undefined && keys.size >= most) drop(oldestOf(keys));
      }
      if (kept.size >= bounds.all) drop(oldestOf(kept.keys()));
      kept.set(key, { tenant, owner, value });
      for (const whose of [tenant, owner]) keysOf.set(whose, (keysOf.get(whose) ?? new Set()).add(key));
    },
  };
}
