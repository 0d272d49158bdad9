import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

/** How many there may be at once: of all, of a tenant and of a principal. */
export interface Bounds {
  readonly all: number;
  readonly tenant: number;
  readonly principal: number;
}

/** Which bound something would be beyond. */
export type Full = keyof Bounds;

/** Who holds how much of what there is room for, so that neither a tenant nor a principal takes it from the others. */
export interface Shares {
  /** Takes one place; which bound stands against it, or what gives the place back (once). */
  take(principal: Pick<Principal, 'tenant' | 'id'>): Full | (() => void);
}

/** Makes them. */
export function shares(bounds: Bounds): Shares {
  const counts = new Map<string, number>();
  const add = (key: string, by: number) => {
    const count = (counts.get(key) ?? 0) + by;
    if (count > 0) counts.set(key, count);
    else counts.delete(key);
  };
  return {
    take({ tenant, id }) {
      const keys = { all: '', tenant, principal: `${tenant}\n${id}` };
      for (const bound of ['principal', 'tenant', 'all'] as const) {
        if ((counts.get(keys[bound]) ?? 0) >= bounds[bound]) return bound;
      }
      for (const key of Object.values(keys)) add(key, 1);
      let taken = true;
      return () => {
        if (taken) for (const key of Object.values(keys)) add(key, -1);
        taken = false;
      };
    },
  };
}
