import type { Kind } from '@sallyport/custom-resources';
import type { Item } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { acceptance } from '../checks/acceptance.ts';
import { canonicalJson, type Entry, sha256 } from '../entry.ts';
import type { View } from '../source/source.ts';

/** An item of a snapshot without protobuf's own field. */
export type SnapshotItem = Omit<Item, '$typeName' | '$unknown'>;

/** Kinds that services may watch. Virtual keys go to identity alone. */
export const snapshotKinds: readonly Kind[] = [
  'ModelProvider',
  'Model',
  'ToolServer',
  'AccessPolicy',
  'ToolPolicy',
  'Limit',
];

/** Turns the resources of a kind into what is in force of it. */
export interface Compiler {
  compile(kind: Kind, view: View): SnapshotItem[];
}

/**
 * Makes a compiler. A spec that is not accepted leaves the last good one of the same resource in force; with none, the
 * resource is absent, so what it would have allowed is denied (DESIGN §6).
 */
export function createCompiler(): Compiler {
  const lastGood = new Map<Kind, Map<string, SnapshotItem>>();
  return {
    compile(kind, view) {
      const good = new Map<string, SnapshotItem>();
      for (const entry of view.list(kind)) {
        const item = acceptance(entry, view).status === 'True' ? itemOf(entry) : lastGood.get(kind)?.get(entry.uid);
        if (item !== undefined) good.set(entry.uid, item);
      }
      lastGood.set(kind, good);
      return [...good.values()].sort((a, b) => (a.uid < b.uid ? -1 : 1));
    },
  };
}

const made = new WeakMap<object, SnapshotItem>();

function itemOf(entry: Entry): SnapshotItem | undefined {
  if (!entry.parsed.ok) return undefined;
  const resource = entry.parsed.value;
  const known = made.get(resource);
  if (known !== undefined) return known;
  const specJson = canonicalJson(resource.spec);
  const { tenant, name, uid, createdAtMs, generation } = entry;
  const contentHash = sha256(`${entry.kind}\n${specJson}`);
  const item = { tenant, name, uid, specJson, contentHash, createdAtMs, generation };
  made.set(resource, item);
  return item;
}
