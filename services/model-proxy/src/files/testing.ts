import type { BatchStore, KeptBatch } from '../batches/kept.ts';
import type { Owner, Page } from '../responses/kept.ts';
import type { FileStore, KeptFile } from './kept.ts';

interface Held<T> {
  readonly owner: string;
  readonly value: T;
}

/** Stores in memory, for tests; the newest first. */
export function memoryStores() {
  const files = new Map<string, Held<KeptFile>>();
  const batches = new Map<string, Held<KeptBatch>>();
  const settled = new Set<string>();
  const nameOf = ({ tenant, principalId, user }: Owner) => `${tenant}/${principalId}/${user}`;
  const own = <T>(held: Map<string, Held<T>>, owner: Owner) =>
    [...held.values()]
      .filter((one) => one.owner === nameOf(owner))
      .map(({ value }) => value)
      .reverse();
  const put =
    <T extends { readonly id: string }>(held: Map<string, Held<T>>) =>
    async (owner: Owner, value: T) =>
      void held.set(value.id, { owner: nameOf(owner), value });
  const find =
    <T extends { readonly id: string }>(held: Map<string, Held<T>>) =>
    async (owner: Owner, id: string) =>
      own(held, owner).find((one) => one.id === id);
  const page = <T>(list: T[], { limit }: Page) => ({ list: list.slice(0, limit), more: list.length > limit });
  const fileStore: FileStore = {
    keep: put(files),
    find: find(files),
    list: async (owner, wanted) => {
      const { list, more } = page(own(files, owner), wanted);
      return { files: list, more };
    },
    remove: async (_owner, id) => files.delete(id),
    sweep: async () => 0,
  };
  const batchStore: BatchStore = {
    keep: put(batches),
    change: put(batches),
    find: find(batches),
    list: async (owner, wanted) => {
      const { list, more } = page(own(batches, owner), wanted);
      return { batches: list, more };
    },
    settleOnce: async (_owner, id) => !settled.has(id) && Boolean(settled.add(id)),
    sweep: async () => 0,
  };
  return { files: fileStore, batches: batchStore, holdsFile: (id: string) => files.has(id) };
}
