import { sleep } from '@sallyport/chassis/deadline';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';

/** An object of the API server; `managedFields` is cut off before it is kept. */
export type KubeObject = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
};

/** A cache of the objects under one path, kept up to date. */
export interface Informer {
  /** Lists and watches until `stop`; faults are logged and tried again, each time later, with jitter. */
  start(): void;
  stop(): Promise<void>;
  /** Whether the first list is complete. */
  synced(): boolean;
  list(): KubeObject[];
}

/** What an informer looks at. */
export type InformerOptions = {
  readonly api: Pick<KubeApi, 'request' | 'watch'>;
  /** For instance `/apis/sallyport.dev/v1alpha1/models`. */
  readonly path: string;
  /** Only objects with these labels. */
  readonly labelSelector?: string;
  readonly log: Logger;
  /** Called when an object came, changed (`object`) or went (`undefined`). */
  readonly onChange: (namespace: string, name: string, object: KubeObject | undefined) => void;
  /** Called once all of a list is in the cache. */
  readonly onSynced?: () => void;
  readonly onRestart?: () => void;
  /** First and longest wait after a fault, milliseconds. */
  readonly backoffMs?: readonly [number, number];
  /** How long one watch lasts; a half-open connection is noticed at its end. Default 90. */
  readonly watchSeconds?: number;
};

const pageSize = 500;

/** Makes an informer over list and watch, as client-go's reflector does it. */
export function informer(options: InformerOptions): Informer {
  const { api, path, labelSelector, log, onChange, onSynced, onRestart } = options;
  const { backoffMs = [500, 30_000], watchSeconds = 90 } = options;
  const objects = new Map<string, KubeObject>();
  const life = new AbortController();
  let synced = false;
  let running: Promise<void> = Promise.resolve();

  const idOf = (object: KubeObject) => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
  const put = (object: KubeObject) => {
    const { managedFields: _, ...metadata } = object.metadata;
    const held = objects.get(idOf(object));
    if (held?.metadata.uid === metadata.uid && held?.metadata.resourceVersion === metadata.resourceVersion) return;
    const kept = { ...object, metadata } as KubeObject;
    objects.set(idOf(kept), kept);
    onChange(metadata.namespace ?? '', metadata.name, kept);
  };
  const drop = (id: string) => {
    if (!objects.delete(id)) return;
    const [namespace = '', name = ''] = id.split('/');
    onChange(namespace, name, undefined);
  };

  const list = async (): Promise<string> => {
    const found: KubeObject[] = [];
    let next: string | undefined;
    let version = '';
    do {
      const page = (await api.request({
        path,
        query: { limit: pageSize, continue: next, labelSelector },
        signal: life.signal,
        timeoutMs: 30_000,
      })) as { items: KubeObject[]; metadata: { resourceVersion: string; continue?: string } };
      found.push(...page.items);
      version = page.metadata.resourceVersion;
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
    const there = new Set(found.map(idOf));
    // What went while nobody watched.
    for (const id of [...objects.keys()]) if (!there.has(id)) drop(id);
    for (const object of found) put(object);
    if (!synced) {
      synced = true;
      onSynced?.();
    }
    return version;
  };

  // Watches once; returns the version to go on from, or undefined when a new list is needed.
  const watch = async (from: string): Promise<string | undefined> => {
    let version: string | undefined = from;
    const seconds = Math.ceil(watchSeconds * (0.75 + Math.random() / 2));
    await api.watch(
      {
        path,
        query: { resourceVersion: from, allowWatchBookmarks: true, timeoutSeconds: seconds, labelSelector },
        signal: life.signal,
        timeoutMs: (seconds + 15) * 1000,
      },
      (line) => {
        const { type, object } = JSON.parse(line) as {
          type: string;
          object: KubeObject & { code?: number; message?: string };
        };
        if (type === 'ERROR') {
          if (object.code !== 410) throw new KubeError(object.code ?? 500, '', object.message ?? 'the watch failed');
          version = undefined;
          return;
        }
        if (type === 'DELETED') drop(idOf(object));
        else if (type !== 'BOOKMARK') put(object);
        if (version !== undefined) version = object.metadata.resourceVersion ?? version;
      },
    );
    return version;
  };

  const run = async () => {
    let version: string | undefined;
    let faults = 0;
    while (!life.signal.aborted) {
      try {
        version ??= await list();
        version = await watch(version);
        faults = 0;
      } catch (error) {
        if (life.signal.aborted) return;
        // An expired version, and anything else that watching from it may run into for ever.
        if (error instanceof KubeError) version = undefined;
        faults++;
        onRestart?.();
        log.warn('a watch of the API server ended with a fault and is begun anew', {
          path,
          faults,
          error: (error as Error).message,
        });
        const [first, longest] = backoffMs;
        const wait = Math.min(longest, first * 2 ** Math.min(faults - 1, 10)) * (0.5 + Math.random());
        await sleep(wait, life.signal).catch(() => undefined);
      }
    }
  };

  return {
    start() {
      running = run();
    },
    async stop() {
      life.abort();
      await running;
    },
    synced: () => synced,
    list: () => [...objects.values()],
  };
}
