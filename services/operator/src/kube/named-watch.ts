import { sleep } from '@sallyport/chassis/deadline';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import type { KubeObject } from './informer.ts';

/** One object, followed by name. */
export interface NamedWatch<T> {
  /** What it holds as it is known now; the first call waits until it is known. Rejects when it cannot be. */
  current(): Promise<T | undefined>;
  /** The same without waiting. */
  known(): T | undefined;
  /** Whether it was asked for, and answered or refused. */
  tried(): boolean;
  stop(): void;
}

/** What is followed. */
export type NamedWatchOptions<T> = {
  readonly api: Pick<KubeApi, 'request' | 'watch'>;
  readonly plural: 'secrets' | 'configmaps';
  readonly namespace: string;
  readonly name: string;
  /** What is taken out of it; undefined: it is no good. */
  readonly read: (object: KubeObject) => T | undefined;
  /** What changes with what was taken. */
  readonly version: (held: T) => string;
  readonly log: Logger;
  readonly onChange: () => void;
};

/**
 * Follows one Secret or ConfigMap by get, then watch with a field selector on its name. The operator thus never lists them: a
 * list would hand it every Secret of the namespace, and its role needs `get` and `watch` only.
 */
export function namedWatch<T>(options: NamedWatchOptions<T>): NamedWatch<T> {
  const { api, plural, namespace, name, read, version, log, onChange } = options;
  const path = `/api/v1/namespaces/${namespace}/${plural}`;
  const life = new AbortController();
  let known: { readonly held: T | undefined } | undefined;
  let tried = false;

  const versionOf = (held: T | undefined) => (held === undefined ? undefined : version(held));
  const take = (object: KubeObject | undefined) => {
    const held = object && read(object);
    const same = known !== undefined && versionOf(known.held) === versionOf(held);
    known = { held };
    tried = true;
    if (!same) onChange();
  };
  const get = async () => {
    try {
      take((await api.request({ path: `${path}/${name}`, signal: life.signal })) as KubeObject);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404) throw error;
      take(undefined);
    }
  };

  let first: Promise<void> | undefined = get();
  first.catch(() => {
    // What waits for all to be read waits no longer for this.
    tried = true;
    onChange();
  });
  const run = async () => {
    await first?.catch(() => undefined);
    let faults = 0;
    while (!life.signal.aborted) {
      try {
        const seconds = Math.ceil(60 + Math.random() * 30);
        // Without a version the server first sends what is there now, so nothing is missed between get and watch.
        const query = { fieldSelector: `metadata.name=${name}`, timeoutSeconds: seconds };
        await api.watch({ path, query, signal: life.signal, timeoutMs: (seconds + 15) * 1000 }, (line) => {
          const { type, object } = JSON.parse(line) as { type: string; object: KubeObject };
          if (type === 'DELETED') take(undefined);
          else if (type === 'ADDED' || type === 'MODIFIED') take(object);
        });
        await get();
        faults = 0;
      } catch (error) {
        if (life.signal.aborted) return;
        faults++;
        log.warn('what a resource refers to cannot be followed for the moment', {
          plural,
          namespace,
          name,
          error: (error as Error).message,
        });
        await sleep(Math.min(30_000, 500 * 2 ** Math.min(faults, 6)) * (0.5 + Math.random()), life.signal).catch(
          () => undefined,
        );
      }
    }
  };
  void run();

  return {
    async current() {
      if (known === undefined) {
        // A first get that failed (no permission, no connection) is tried again by each that asks.
        await first?.catch(() => undefined);
        if (known === undefined) {
          first = get();
          await first;
        }
      }
      return known?.held;
    },
    known: () => known?.held,
    tried: () => tried,
    stop: () => life.abort(),
  };
}
