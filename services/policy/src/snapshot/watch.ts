import { sleep } from '@sallyport/chassis/deadline';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { createCompiler } from './compile.ts';
import { loadHeld, storeHeld } from './disk.ts';
import { applyMessage, type Held, isComplete } from './held.ts';
import type { Snapshot } from './tenant.ts';
import { KINDS, type PolicyKind } from './units.ts';

/** What a watch is made of. */
export interface WatchOptions {
  readonly client: Client<typeof SnapshotService>;
  readonly log: Logger;
  /** Where the last snapshot is kept; undefined: nowhere. */
  readonly cacheFile: string | undefined;
  /** Told of each new snapshot and how long it took to compile. */
  readonly onSnapshot?: (snapshot: Snapshot, compileMs: number) => void;
}

/** The snapshot in force; it is replaced as a whole. */
export interface SnapshotWatch extends Component {
  current(): Snapshot | undefined;
}

// The stream carries heartbeats; this long without anything, it is taken for dead and opened again.
const SILENCE_MS = 60_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;

/** Follows the operator's snapshots; starts from the copy on disk and never loses what it holds. */
export function watchSnapshots(options: WatchOptions): SnapshotWatch {
  const { client, log, cacheFile } = options;
  const ended = new AbortController();
  const compiler = createCompiler((fault) => log.warn('a resource cannot be used as it is', { ...fault }));
  const live = new Set<PolicyKind>();
  let held: Held = new Map();
  let current: Snapshot | undefined;
  let publishing: Promise<void> | undefined;
  let again = false;
  let loop: Promise<void> = Promise.resolve();

  const publish = async () => {
    do {
      again = false;
      const from = performance.now();
      const source = held;
      const snapshot = await compiler.compile(source, live.size === KINDS.length);
      current = snapshot;
      options.onSnapshot?.(snapshot, performance.now() - from);
      if (cacheFile !== undefined && snapshot.caughtUp) {
        await storeHeld(cacheFile, source).catch((error: unknown) => log.warn('cannot keep the snapshot', { error }));
      }
    } while (again && !ended.signal.aborted);
  };
  // While one compiles, any number of changes make one more round.
  const schedule = () => {
    again = true;
    publishing ??= publish()
      .catch((error: unknown) => log.error('cannot compile the snapshot', { error }))
      .finally(() => {
        publishing = undefined;
      });
  };

  const follow = async () => {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error('no message or heartbeat')), SILENCE_MS);
    try {
      const signal = AbortSignal.any([ended.signal, silence.signal]);
      for await (const message of client.watch({ kinds: [...KINDS] }, { timeoutMs: Infinity, signal })) {
        timer.refresh();
        const kind = KINDS.find((one) => one === message.kind);
        if (kind === undefined) continue;
        held = applyMessage(held, message);
        if (message.full) live.add(kind);
        if (isComplete(held)) schedule();
      }
    } finally {
      clearTimeout(timer);
    }
  };

  const run = async () => {
    let retryMs = FIRST_RETRY_MS;
    while (!ended.signal.aborted) {
      const from = Date.now();
      try {
        await follow();
      } catch (error) {
        if (ended.signal.aborted) return;
        log.warn('the snapshot stream broke, going on with the last one', { error: String(error) });
      }
      retryMs = Date.now() - from > LAST_RETRY_MS ? FIRST_RETRY_MS : Math.min(retryMs * 2, LAST_RETRY_MS);
      await sleep(retryMs * (0.5 + Math.random() / 2), ended.signal).catch(() => undefined);
    }
  };

  return {
    name: 'snapshots',
    current: () => current,
    async start() {
      if (cacheFile !== undefined) {
        try {
          const stored = await loadHeld(cacheFile);
          if (stored !== undefined) held = stored;
        } catch (error) {
          log.warn('the stored snapshot cannot be read', { error: String(error) });
        }
        if (isComplete(held)) schedule();
        await publishing;
      }
      loop = run();
    },
    async stop() {
      ended.abort();
      await loop;
      await publishing;
    },
  };
}
