import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { SnapshotService, WatchResponse } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { watchStream } from './stream-watch.ts';

/** One accepted resource as the operator compiled it. `spec` is parsed JSON with defaults filled in. */
export interface SnapshotItem {
  readonly kind: string;
  readonly tenant: string;
  readonly name: string;
  readonly uid: string;
  readonly spec: unknown;
  readonly contentHash: string;
  readonly createdAtMs: number;
  readonly generation: number;
}

/** The latest accepted resources of the kinds subscribed to. */
export interface Snapshot {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** All items of a kind, in no order. */
  items(kind: string): readonly SnapshotItem[];
  /** Opaque revision of a kind's set; '' before the first. */
  revision(kind: string): string;
  /** True once every kind was received, from the operator or from the file of the last run. */
  seen(): boolean;
  /** True once every kind was received from the operator in this run. */
  fresh(): boolean;
  /** Called after each change, with the kind. Returns how to stop listening. */
  onChange(listener: (kind: string) => void): () => void;
}

/** Where a snapshot comes from. */
export interface SnapshotOptions {
  readonly client: Pick<Client<typeof SnapshotService>, 'watch'>;
  readonly kinds: readonly string[];
  readonly log: Logger;
  /** Keeps the last snapshot here, so that the service can start while the operator is away. */
  readonly cacheFile?: string;
}

interface KindSet {
  revision: string;
  fresh: boolean;
  items: Map<string, SnapshotItem>;
}

/**
 * Subscribes to the operator's snapshot (DESIGN section 3): whole sets first, then deltas, swapped in atomically per kind.
 * A service that never saw a snapshot must deny: ask `seen()`.
 */
export function watchSnapshot(options: SnapshotOptions): Snapshot {
  const sets = new Map<string, KindSet>();
  const listeners = new Set<(kind: string) => void>();
  let writing: Promise<void> | undefined;
  let unwritten = false;

  // One write at a time; changes that come meanwhile share the next.
  const keep = (file: string) => {
    unwritten = true;
    writing ??= (async () => {
      while (unwritten) {
        unwritten = false;
        await save(file, sets, options.log);
      }
      writing = undefined;
    })();
  };

  const changed = (kind: string) => {
    for (const listener of listeners) listener(kind);
  };

  const apply = (message: WatchResponse) => {
    if (message.kind === '' || !options.kinds.includes(message.kind)) return;
    const held = sets.get(message.kind);
    const items = new Map(message.full ? [] : held?.items);
    for (const removed of message.removals) items.delete(removed.uid);
    for (const item of message.upserts) {
      items.set(item.uid, {
        kind: message.kind,
        tenant: item.tenant,
        name: item.name,
        uid: item.uid,
        spec: reuse(held?.items.get(item.uid), item.contentHash) ?? JSON.parse(item.specJson),
        contentHash: item.contentHash,
        createdAtMs: item.createdAtMs,
        generation: item.generation,
      });
    }
    sets.set(message.kind, { revision: message.revision, fresh: true, items });
    if (options.cacheFile) keep(options.cacheFile);
    changed(message.kind);
  };

  const watch = watchStream({
    name: 'snapshot',
    log: options.log,
    open: (signal) => options.client.watch({ kinds: [...options.kinds] }, { timeoutMs: Infinity, signal }),
    onMessage: apply,
  });

  return {
    name: 'snapshot',
    async start() {
      if (options.cacheFile) {
        for (const [kind, set] of await load(options.cacheFile, options.kinds, options.log)) sets.set(kind, set);
        for (const kind of sets.keys()) changed(kind);
      }
      watch.start();
    },
    async stop() {
      await watch.stop();
      await writing;
    },
    items: (kind) => [...(sets.get(kind)?.items.values() ?? [])],
    revision: (kind) => sets.get(kind)?.revision ?? '',
    seen: () => options.kinds.every((kind) => sets.has(kind)),
    fresh: () => options.kinds.every((kind) => sets.get(kind)?.fresh === true),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function reuse(held: SnapshotItem | undefined, contentHash: string): unknown {
  return held?.contentHash === contentHash ? held.spec : undefined;
}

async function save(file: string, sets: ReadonlyMap<string, KindSet>, log: Logger): Promise<void> {
  const body = [...sets].map(([kind, set]) => ({ kind, revision: set.revision, items: [...set.items.values()] }));
  try {
    await writeFile(`${file}.new`, JSON.stringify(body), { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (error) {
    log.warn('The snapshot could not be kept on disk', { file, error });
  }
}

async function load(file: string, kinds: readonly string[], log: Logger): Promise<Map<string, KindSet>> {
  const sets = new Map<string, KindSet>();
  try {
    const body = JSON.parse(await readFile(file, 'utf8')) as {
      kind: string;
      revision: string;
      items: SnapshotItem[];
    }[];
    for (const { kind, revision, items } of body) {
      if (!kinds.includes(kind)) continue;
      if (!items.every(isItem)) throw new TypeError(`Not items: ${kind}`);
      sets.set(kind, { revision, fresh: false, items: new Map(items.map((item) => [item.uid, item])) });
    }
    return sets;
  } catch (error) {
    // None yet, or damaged: the operator's stream is the source of truth, and half a snapshot is none.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      log.warn('The snapshot of the last run cannot be read', { file, error });
    }
    return new Map();
  }
}

function isItem(item: SnapshotItem): boolean {
  return [item.kind, item.tenant, item.name, item.uid, item.contentHash].every((text) => typeof text === 'string');
}
