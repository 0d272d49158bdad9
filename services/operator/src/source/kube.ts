import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import {
  apiVersion,
  type ConfigMap,
  type Kind,
  kindNames,
  parseConfigMap,
  parseResource,
  parseSecret,
  type Secret,
} from '@sallyport/custom-resources';
import { documentRef } from '../checks/document.ts';
import { type Entry, keyOf, type Status } from '../entry.ts';
import { apply, applyStatus, pathOf, secretManager } from '../kube/apply.ts';
import { clusterKeys } from '../kube/cluster-identity.ts';
import type { EventRecorder } from '../kube/events.ts';
import { type Informer, informer, type KubeObject } from '../kube/informer.ts';
import { type NamedWatch, namedWatch } from '../kube/named-watch.ts';
import type { Change, Source } from './source.ts';

/** What of a cluster is looked at. */
export type KubeOptions = {
  readonly api: KubeApi;
  readonly events: EventRecorder;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly log: Logger;
  readonly onRestart?: (kind: string) => void;
  /** First and longest wait after a fault of a watch, milliseconds. */
  readonly backoffMs?: readonly [number, number];
};

const owner = 'sallyport.dev/virtual-key-uid';

/** Resources of a cluster, by list and watch; status by server-side apply. */
export function kubeSource(options: KubeOptions): Source {
  const { api, events, watchNamespaces, log, onRestart, backoffMs } = options;
  const entries = new Map<Kind, Map<string, Entry>>(kindNames.map((kind) => [kind, new Map()]));
  const secrets = new Map<string, NamedWatch<Secret>>();
  const configMaps = new Map<string, NamedWatch<{ readonly map: ConfigMap; readonly version: string }>>();
  const listeners: ((change: Change) => void)[] = [];
  let allRead = false;
  const tell = (change: Change) => {
    for (const listener of listeners) listener(change);
  };

  const take = (kind: Kind, tenant: string, name: string, object: KubeObject | undefined) => {
    const held = entries.get(kind) as Map<string, Entry>;
    const key = keyOf({ tenant, name });
    const before = held.get(key);
    // What is being deleted is gone for us: nothing of ours holds it back.
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) held.delete(key);
    else held.set(key, entryOf(kind, object, before));
    // There may be thousands that refer to none.
    if ([before, held.get(key)].some((one) => one !== undefined && documentRef(one) !== undefined)) followConfigMaps();
    tell({ of: 'resource', kind, tenant, name });
  };
  /** Those that tool servers refer to now, and no others. */
  const followConfigMaps = () => {
    const wanted = new Set<string>();
    for (const entry of entries.get('ToolServer')?.values() ?? []) {
      const { tenant } = entry;
      const name = documentRef(entry)?.name;
      if (name === undefined) continue;
      const key = keyOf({ tenant, name });
      wanted.add(key);
      if (configMaps.has(key)) continue;
      const watch = namedWatch({
        ...{ api, plural: 'configmaps' as const, namespace: tenant, name, log },
        read(object) {
          const parsed = parseConfigMap({ ...object, apiVersion: 'v1', kind: 'ConfigMap' });
          return parsed.ok ? { map: parsed.value, version: object.metadata.resourceVersion ?? '' } : undefined;
        },
        version: ({ version }) => version,
        onChange: () => tell({ of: 'configMap', tenant, name }),
      });
      configMaps.set(key, watch);
    }
    for (const [key, watch] of configMaps) {
      if (wanted.has(key)) continue;
      watch.stop();
      configMaps.delete(key);
    }
  };

  const scopes = watchNamespaces.length === 0 ? [''] : watchNamespaces;
  const informers: Informer[] = kindNames.flatMap((kind) =>
    scopes.map((namespace) =>
      informer({
        api,
        path: pathOf(kind, namespace),
        log,
        onChange: (tenant, name, object) => take(kind, tenant, name, object),
        // So that an empty kind is compiled and published too.
        onSynced: () => tell({ of: 'resource', kind, tenant: namespace, name: '' }),
        onRestart: () => onRestart?.(kind),
        ...(backoffMs === undefined ? {} : { backoffMs }),
      }),
    ),
  );

  const follow = (tenant: string, name: string): NamedWatch<Secret> => {
    const key = keyOf({ tenant, name });
    const held = secrets.get(key);
    if (held !== undefined) return held;
    const onChange = () => tell({ of: 'secret', tenant, name });
    const read = (object: KubeObject) => {
      const parsed = parseSecret({ ...object, apiVersion: 'v1', kind: 'Secret' });
      return parsed.ok ? parsed.value : undefined;
    };
    const version = (secret: Secret) => secret.version;
    const watch = namedWatch({ api, plural: 'secrets', namespace: tenant, name, read, version, log, onChange });
    secrets.set(key, watch);
    return watch;
  };
  const keys = clusterKeys({
    api,
    log,
    onChange: () => {
      for (const { tenant, name } of entries.get('IdentityProvider')?.values() ?? []) {
        tell({ of: 'resource', kind: 'IdentityProvider', tenant, name });
      }
    },
  });
  const secretPath = (tenant: string, name: string) => `/api/v1/namespaces/${tenant}/secrets/${name}`;

  return {
    name: 'cluster',
    start() {
      for (const one of informers) one.start();
      keys.start();
    },
    async stop() {
      keys.stop();
      for (const watch of [...secrets.values(), ...configMaps.values()]) watch.stop();
      await Promise.all(informers.map((one) => one.stop()));
    },
    // What is not read yet of what is referred to would look as if it were gone; later it stays as it was until it is read.
    synced() {
      allRead ||= informers.every((one) => one.synced()) && [...configMaps.values()].every((one) => one.tried());
      return allRead;
    },
    onChange: (listener) => void listeners.push(listener),
    list<K extends Kind>(kind: K, tenant?: string) {
      const all = [...(entries.get(kind) as Map<string, Entry>).values()];
      return (tenant === undefined ? all : all.filter((entry) => entry.tenant === tenant)) as unknown as Entry<K>[];
    },
    get<K extends Kind>(kind: K, tenant: string, name: string) {
      return entries.get(kind)?.get(keyOf({ tenant, name })) as unknown as Entry<K> | undefined;
    },
    secret: (tenant, name) => follow(tenant, name).current(),
    configMap: (tenant, name) => configMaps.get(keyOf({ tenant, name }))?.known()?.map,
    retainSecrets(wanted) {
      for (const [key, watch] of secrets) {
        if (wanted.has(key)) continue;
        watch.stop();
        secrets.delete(key);
      }
    },
    async writeStatus(entry, status) {
      await applyStatus(api, entry, status);
    },
    async target(entry, ref) {
      try {
        const secret = (await api.request({ path: secretPath(entry.tenant, ref.name) })) as KubeObject;
        const mark = (secret.metadata.annotations as Record<string, string> | undefined)?.[owner];
        if (mark === undefined) return 'foreign';
        // Left by a resource of the same name that is gone: it is taken over, its value is worth nothing.
        if (mark !== entry.uid) return isLive(mark) ? 'foreign' : 'absent';
        return ref.key in ((secret.data as object | undefined) ?? {}) ? 'present' : 'absent';
      } catch (error) {
        if (error instanceof KubeError && error.status === 404) return 'absent';
        throw error;
      }
    },
    async writeTarget(entry, ref, value) {
      const { kind, tenant, name, uid } = entry;
      const body = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: ref.name,
          namespace: tenant,
          labels: { 'app.kubernetes.io/managed-by': 'sallyport-operator' },
          annotations: { [owner]: uid },
          ownerReferences: [{ apiVersion, kind, name, uid }],
        },
        data: { [ref.key]: Buffer.from(value).toString('base64') },
      };
      await apply(api, secretPath(tenant, ref.name), body, secretManager);
    },
    emit: (entry, occurrence) => events.emit(entry, occurrence),
    departed: () => [],
    async forget() {},
    cluster: () => keys.current(),
    covers: (tenant) => watchNamespaces.length === 0 || watchNamespaces.includes(tenant),
  };

  function isLive(uid: string): boolean {
    return [...(entries.get('VirtualKey') as Map<string, Entry>).values()].some((entry) => entry.uid === uid);
  }
}

function entryOf(kind: Kind, object: KubeObject, before: Entry | undefined): Entry {
  const { metadata } = object;
  const generation = (metadata.generation as number | undefined) ?? 1;
  const uid = metadata.uid ?? '';
  // A change of status is no reason to read the spec again.
  const kept = before?.uid === uid && before.generation === generation ? before.parsed : undefined;
  return {
    kind,
    tenant: metadata.namespace ?? '',
    name: metadata.name,
    uid,
    generation,
    createdAtMs: Date.parse(String(metadata.creationTimestamp ?? '')) || 0,
    annotations: (metadata.annotations as Record<string, string> | undefined) ?? {},
    written: object.spec,
    parsed: kept ?? parseResource({ ...object, apiVersion, kind }),
    status: (object.status as Status | undefined) ?? {},
  } as Entry;
}
