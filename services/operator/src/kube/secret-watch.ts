import { sleep } from '@sallyport/chassis/deadline';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import { parseSecret, type Secret } from '@sallyport/custom-resources';
import type { KubeObject } from './informer.ts';

/** One Secret, followed by name. */
export interface SecretWatch {
  /** The Secret as it is known now; the first call waits until it is known. Rejects when it cannot be. */
  current(): Promise<Secret | undefined>;
  stop(): void;
}

/** What is followed. */
export type SecretWatchOptions = {
  readonly api: Pick<KubeApi, 'request' | 'watch'>;
  readonly namespace: string;
  readonly name: string;
  readonly log: Logger;
  readonly onChange: () => void;
};

/**
 * Follows one Secret by get, then watch with a field selector on its name. The operator thus never lists Secrets: a
 * list would hand it every Secret of the namespace, and its role needs `get` and `watch` only.
 */
export function secretWatch({ api, namespace, name, log, onChange }: SecretWatchOptions): SecretWatch {
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const life = new AbortController();
  let known: { readonly secret: Secret | undefined } | undefined;

  const take = (object: KubeObject | undefined) => {
    const parsed = object === undefined ? undefined : parseSecret({ ...object, apiVersion: 'v1', kind: 'Secret' });
    const secret = parsed?.ok ? parsed.value : undefined;
    const same = known !== undefined && known.secret?.version === secret?.version;
    known = { secret };
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
  first.catch(() => undefined);
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
        log.warn('a Secret cannot be followed for the moment', { namespace, name, error: (error as Error).message });
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
      return known?.secret;
    },
    stop: () => life.abort(),
  };
}
