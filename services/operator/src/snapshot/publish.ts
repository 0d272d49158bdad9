import type { Kind } from '@sallyport/custom-resources';
import { sha256 } from '../entry.ts';
import type { SnapshotItem } from './compile.ts';

/** A message of the stream; a heartbeat has no kind. */
export type SnapshotMessage = {
  readonly kind: string;
  readonly revision: string;
  readonly full: boolean;
  readonly upserts: readonly SnapshotItem[];
  readonly removals: readonly { readonly tenant: string; readonly name: string; readonly uid: string }[];
};

type KindSet = { readonly revision: string; readonly items: ReadonlyMap<string, SnapshotItem> };

/** What is in force, kind by kind, for any number of watchers. */
export interface Publisher {
  /** Replaces what is in force of a kind. Nothing happens when it is the same. Returns whether it was another. */
  publish(kind: Kind, items: readonly SnapshotItem[]): boolean;
  /** Revision of a kind; undefined before the first publish. */
  revision(kind: Kind): string | undefined;
  /** How many watch. */
  watchers(): number;
  /**
   * Streams kinds: first each one whole as soon as it is known, then changes. A slow watcher gets one delta to the
   * newest state instead of every step, so nothing piles up. Ends when the signal fires.
   */
  watch(kinds: readonly Kind[], signal: AbortSignal): AsyncGenerator<SnapshotMessage>;
}

const heartbeat: SnapshotMessage = { kind: '', revision: '', full: false, upserts: [], removals: [] };

/** Makes a publisher; watchers hear at least a heartbeat in each interval. */
export function createPublisher({ heartbeatMs }: { readonly heartbeatMs: number }): Publisher {
  const sets = new Map<Kind, KindSet>();
  const wakes = new Set<(changed: boolean) => void>();
  // One timer for all watchers: each would otherwise wake the process up by itself.
  let beating: NodeJS.Timeout | undefined;
  const wakeAll = (changed: boolean) => {
    for (const wake of wakes) wake(changed);
  };
  return {
    publish(kind, items) {
      const text = items
        .map((item) => `${item.uid} ${item.contentHash} ${item.generation} ${item.tenant}/${item.name}`)
        .sort();
      const revision = sha256(`${kind}\n${text.join('\n')}`).slice(0, 16);
      if (sets.get(kind)?.revision === revision) return false;
      sets.set(kind, { revision, items: new Map(items.map((item) => [item.uid, item])) });
      wakeAll(true);
      return true;
    },
    revision: (kind) => sets.get(kind)?.revision,
    watchers: () => wakes.size,
    async *watch(kinds, signal) {
      const sent = new Map<Kind, KindSet>();
      let woken = Promise.withResolvers<boolean>();
      const wake = (changed: boolean) => woken.resolve(changed);
      const stop = () => woken.resolve(false);
      wakes.add(wake);
      beating ??= setInterval(wakeAll, heartbeatMs, false);
      signal.addEventListener('abort', stop, { once: true });
      try {
        while (!signal.aborted) {
          woken = Promise.withResolvers<boolean>();
          let quiet = true;
          for (const kind of kinds) {
            const now = sets.get(kind);
            const before = sent.get(kind);
            if (now === undefined || now.revision === before?.revision) continue;
            sent.set(kind, now);
            quiet = false;
            yield delta(kind, before, now);
          }
          if (!quiet) continue;
          const changed = await woken.promise;
          if (!changed && !signal.aborted) yield heartbeat;
        }
      } finally {
        wakes.delete(wake);
        if (wakes.size === 0) {
          clearInterval(beating);
          beating = undefined;
        }
        signal.removeEventListener('abort', stop);
      }
    },
  };
}

function delta(kind: Kind, before: KindSet | undefined, now: KindSet): SnapshotMessage {
  const { revision } = now;
  if (before === undefined) return { kind, revision, full: true, upserts: [...now.items.values()], removals: [] };
  const upserts = [...now.items.values()].filter((item) => !same(item, before.items.get(item.uid)));
  const removals = [...before.items.values()]
    .filter((item) => !now.items.has(item.uid))
    .map(({ tenant, name, uid }) => ({ tenant, name, uid }));
  return { kind, revision, full: false, upserts, removals };
}

function same(item: SnapshotItem, before: SnapshotItem | undefined): boolean {
  return (
    before !== undefined &&
    item.contentHash === before.contentHash &&
    item.generation === before.generation &&
    item.name === before.name &&
    item.tenant === before.tenant
  );
}
