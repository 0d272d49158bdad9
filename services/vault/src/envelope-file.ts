import type { FileKey } from '@sallyport/chassis/key-file';
import { sealer } from '@sallyport/chassis/seal';
import type { Masters } from './envelope-masters.ts';

/**
 * Master keys from a list, newest first: a file, or a Kubernetes Secret mounted as one. `read` is called again at each
 * refresh, so that a key added to the Secret needs no restart. Throws without any key.
 */
export function fileMasters(read: () => readonly FileKey[]): Masters {
  const load = () => {
    const keys = read();
    if (keys.length === 0) throw new Error('at least one master key is needed');
    return new Map(keys.map((key) => [key.id, sealer([key])]));
  };
  let masters = load();
  const of = (id: string) => {
    const found = masters.get(id);
    if (found === undefined) throw new Error(`the master key ${id} is not in the file`);
    return found;
  };
  return {
    ids: () => [...masters.keys()],
    async refresh() {
      masters = load();
    },
    wrap: async (id, dataKey, aad) => of(id).seal(dataKey, aad),
    unwrap: async (id, wrapped, aad) => of(id).open(wrapped, aad),
  };
}
