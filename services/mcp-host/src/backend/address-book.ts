import type { KubeApi } from '@sallyport/chassis/kube/api';

/** Where pods listen, as long as a watch says that they do. */
export interface AddressBook {
  /** Where a process listens; undefined: it is to be looked for. */
  of(key: string): URL | undefined;
  /** Follows pods of a label where it does not yet. Gives what takes down where one of them was found. */
  follow(key: string, tenant: string, labelSelector: string): (ip: string, url: URL) => void;
  forget(key: string): void;
}

const WATCH_S = 60;
const MAX_KEPT = 1_000;

interface Followed {
  readonly ending: AbortController;
  /** What the watch said last of each pod: the address at which it is ready. */
  readonly ready: Map<string, string | undefined>;
  found?: { readonly ip: string; readonly url: URL };
}

/**
 * Addresses of pods. One counts only while the watch, which begins with how things are, says that a ready pod has it: so no
 * change is missed, whenever it came. A watch lasts a minute and is not renewed: a process that nobody calls is not followed,
 * and the next call looks again.
 */
export function addressBook(api: Pick<KubeApi, 'watch'>): AddressBook {
  const followed = new Map<string, Followed>();
  const forget = (key: string) => {
    followed.get(key)?.ending.abort();
    followed.delete(key);
  };
  const begin = (key: string, tenant: string, labelSelector: string): Followed => {
    for (const oldest of followed.keys()) {
      if (followed.size < MAX_KEPT) break;
      forget(oldest);
    }
    const one: Followed = { ending: new AbortController(), ready: new Map() };
    followed.set(key, one);
    const over = () => {
      if (followed.get(key) === one) followed.delete(key);
    };
    const path = `/api/v1/namespaces/${tenant}/pods`;
    const query = { labelSelector, timeoutSeconds: WATCH_S };
    api
      .watch({ path, query, signal: one.ending.signal, timeoutMs: (WATCH_S + 5) * 1000 }, (line) => {
        const { name, ip } = readChange(line);
        one.ready.set(name, ip);
      })
      .then(over, over);
    return one;
  };
  return {
    of(key) {
      const one = followed.get(key);
      if (one?.found === undefined) return undefined;
      const { ip, url } = one.found;
      return [...one.ready.values()].includes(ip) ? url : undefined;
    },
    follow(key, tenant, labelSelector) {
      const one = followed.get(key) ?? begin(key, tenant, labelSelector);
      return (ip, url) => {
        one.found = { ip, url };
      };
    },
    forget,
  };
}

/** What a line of the watch says of a pod; no address: it is not ready, or gone. */
function readChange(line: string): { readonly name: string; readonly ip: string | undefined } {
  const { type, object } = JSON.parse(line) as {
    type: string;
    object: {
      metadata?: { name?: string; deletionTimestamp?: string };
      status?: { podIP?: string; containerStatuses?: readonly { name: string; ready: boolean }[] };
    };
  };
  const { metadata, status } = object;
  const ready =
    (type === 'ADDED' || type === 'MODIFIED') &&
    metadata?.deletionTimestamp === undefined &&
    status?.containerStatuses?.find(({ name }) => name === 'server')?.ready === true;
  return { name: metadata?.name ?? '', ip: ready ? status?.podIP : undefined };
}
