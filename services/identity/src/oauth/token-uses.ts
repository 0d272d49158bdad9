import { AsyncLocalStorage } from 'node:async_hooks';
import type { ArtefactStore } from './artefact-store.ts';

interface Used {
  readonly tenant: string;
  readonly kind: string;
  readonly handle: string;
}

/** Follows what each token request uses up, so that it can be marked once the answer is out. */
export interface TokenUses {
  /** The store, noting what is consumed through it. */
  following(store: ArtefactStore): ArtefactStore;
  /** Runs a request; gives how to mark what it used. */
  during<T>(run: () => Promise<T>): {
    readonly done: Promise<T>;
    readonly answered: (store: ArtefactStore) => Promise<void>;
  };
}

/** Makes the follower. */
export function tokenUses(): TokenUses {
  const requests = new AsyncLocalStorage<Used[]>();
  // Between an answer and its mark nobody else may be told that the use is still under way.
  const marking = new Map<string, Promise<void>>();
  const keyOf = ({ tenant, kind, handle }: Used) => JSON.stringify([tenant, kind, handle]);
  return {
    following: (store) => ({
      ...store,
      async consume(tenant, kind, handle) {
        const passed = await store.consume(tenant, kind, handle);
        if (passed) requests.getStore()?.push({ tenant, kind, handle });
        return passed;
      },
      async find(tenant, kind, handle) {
        await marking.get(keyOf({ tenant, kind, handle }));
        return store.find(tenant, kind, handle);
      },
    }),
    during(run) {
      const used: Used[] = [];
      return {
        done: requests.run(used, run),
        async answered(store) {
          await Promise.all(
            used.map(async (one) => {
              const key = keyOf(one);
              const mark = store.answered(one.tenant, one.kind, one.handle).finally(() => marking.delete(key));
              marking.set(
                key,
                mark.catch(() => undefined),
              );
              await mark;
            }),
          );
        },
      };
    },
  };
}
