import { inProcess } from '@sallyport/chassis/rpc/testing';
import { parseSpec } from '@sallyport/custom-resources';
import { type Observation, SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { sha256 } from '../digests.ts';

/** A resource that is in force. */
export interface PlayedItem {
  readonly tenant: string;
  readonly name: string;
  readonly uid: string;
  readonly specJson: string;
}

const plainSpec = { allowPrivateNetwork: true, timeoutSeconds: 2, defaultClass: 'Read', tools: [] };

/** An operator that streams what it is given and keeps what it is told. */
export async function playSnapshots() {
  const observations = new Map<string, Observation>();
  const pushes = new Set<() => void>();
  const inForce: Record<string, readonly PlayedItem[]> = {};
  let revision = 0;
  const { client, close } = await inProcess(SnapshotService, {
    async *watch(request, { signal }) {
      for (let sent = -1; !signal.aborted; ) {
        if (sent !== revision) {
          sent = revision;
          for (const kind of request.kinds) {
            const upserts = (inForce[kind] ?? []).map((item) => wireItem(item));
            yield { kind, revision: String(sent), full: true, upserts, removals: [] };
          }
        }
        await new Promise<void>((resolve) => {
          pushes.add(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    },
    async report(request) {
      for (const one of request.observations) observations.set(one.name, one);
      return {};
    },
  });
  const put = (kind: string, items: readonly PlayedItem[]) => {
    inForce[kind] = items;
    revision++;
    for (const push of pushes) push();
    pushes.clear();
    return items;
  };
  return {
    client,
    close,
    observations,
    /** Puts ToolServers in force, by `name` or `tenant/name`; what they leave out is set for tests. */
    servers: (specs: Readonly<Record<string, object>>) =>
      put(
        'ToolServer',
        Object.entries(specs).map(([key, spec]) => itemOf('uid', key, { ...plainSpec, ...spec })),
      ),
    /** Puts Toolsets in force. Throws TypeError for one that is not valid. */
    toolsets: (specs: Readonly<Record<string, object>>) =>
      put(
        'Toolset',
        Object.entries(specs).map(([key, written]) => {
          const spec = parseSpec('Toolset', written, key.split('/').at(-1) ?? '');
          if (!spec.ok) throw new TypeError(JSON.stringify(spec.faults));
          return itemOf('set', key, spec.value);
        }),
      ),
  };
}

function itemOf(prefix: string, key: string, spec: object): PlayedItem {
  const [tenant = '', name = ''] = key.includes('/') ? key.split('/') : ['acme', key];
  return { tenant, name, uid: `${prefix}-${tenant}-${name}`, specJson: JSON.stringify(spec) };
}

function wireItem(item: PlayedItem) {
  return { ...item, contentHash: sha256(item.specJson), createdAtMs: 1, generation: 1 };
}
