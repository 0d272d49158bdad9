import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@sallyport/chassis/log';
import type { ConfigMap, Kind, Secret, SecretKeyRef } from '@sallyport/custom-resources';
import { canonicalJson, type Entry, keyOf } from '../entry.ts';
import { type FileContent, type FileResource, listFiles, readResourceFile } from './folder-files.ts';
import { readTarget, removeTargetFile, writeTargetFile } from './folder-secrets.ts';
import { loadState, type Remembered, storeState, uidOf } from './folder-state.ts';
import { watchFolder } from './folder-watch.ts';
import type { Change, Source } from './source.ts';

/** Where the files are. */
export type FolderOptions = {
  readonly path: string;
  /** Generated Secrets and the state that a cluster would keep. Readable by this user only. */
  readonly generatedDir: string;
  readonly log: Logger;
  readonly now?: () => number;
  /** Quiet time after a change before files are read, and how long they must then stay as they are. Default 100. */
  readonly debounceMs?: number;
  /** How often files are looked at although nothing was heard, since file events get lost. Default 3000. */
  readonly rescanMs?: number;
};

/** How soon a change is stored, and how many times longer than it takes to store all that is waited with many resources. */
const STORE_MS = 50;
const STORE_SHARE = 20;

/** How often files are looked at again that are being written; then they are read as they are. */
const SETTLE_TRIES = 20;

type Loaded = { readonly stamp: string; readonly content: FileContent };

/** Resources, Secrets included, from the YAML files of a folder, watched. One process only; status is kept beside it. */
export function folderSource(options: FolderOptions): Source & { rescan(): Promise<void> } {
  const { path: resourcesDir, generatedDir, log, now = Date.now, debounceMs = 100, rescanMs = 3000 } = options;
  const stateFile = join(generatedDir, 'state.json');
  const secretsDir = join(generatedDir, 'secrets');
  const listeners: ((change: Change) => void)[] = [];
  let files = new Map<string, Loaded>();
  let entries = new Map<string, Entry>();
  // By kind, made when it is asked for: there may be ten thousand of one kind, and lists are asked for at each change.
  const lists = new Map<Kind, Entry[]>();
  let secrets = new Map<string, Secret>();
  let configMaps = new Map<string, ConfigMap>();
  const memory = new Map<string, Remembered>();
  let synced = false;
  let debounce: NodeJS.Timeout | undefined;
  let regular: NodeJS.Timeout | undefined;
  let scanning: Promise<void> = Promise.resolve();
  let storing: Promise<void> = Promise.resolve();
  let storeTimer: NodeJS.Timeout | undefined;
  let storeMs = STORE_MS;
  let stopped = false;

  const id = (of: { kind: Kind; tenant: string; name: string }) => `${of.kind}/${keyOf(of)}`;
  const tell = (change: Change) => {
    for (const listener of listeners) listener(change);
  };

  const store = () => {
    storeTimer = undefined;
    storing = storing
      .then(async () => {
        const began = performance.now();
        await storeState(stateFile, [...memory.values()]);
        storeMs = Math.max(STORE_MS, STORE_SHARE * (performance.now() - began));
      })
      .catch((error: unknown) => log.error('the state of the folder could not be stored', { error }));
    return storing;
  };
  const storeSoon = () => {
    storeTimer ??= setTimeout(() => void store(), storeMs);
  };

  const entryOf = (file: FileResource): Entry => {
    const held = memory.get(id(file));
    const specHash = canonicalJson(file.written ?? null);
    const alive = held?.gone === 'no' ? held : undefined;
    const next: Remembered = {
      kind: file.kind,
      tenant: file.tenant,
      name: file.name,
      incarnation: alive?.incarnation ?? (held === undefined ? 0 : held.incarnation + 1),
      gone: 'no',
      generation: alive === undefined ? 1 : alive.generation + (alive.specHash === specHash ? 0 : 1),
      createdAtMs: alive?.createdAtMs ?? now(),
      specHash,
      status: alive?.status ?? {},
    };
    memory.set(id(file), next);
    const { kind, tenant, name, annotations, written, parsed } = file;
    const { generation, createdAtMs, status } = next;
    return {
      kind,
      tenant,
      name,
      uid: uidOf(next),
      generation,
      createdAtMs,
      annotations,
      written,
      parsed,
      status,
    } as Entry;
  };

  const load = async (path: string, stamp: string): Promise<Loaded> => {
    const before = files.get(path);
    if (before?.stamp === stamp) return before;
    const content = await readResourceFile(path).catch((error: unknown): FileContent => {
      return {
        resources: [],
        secrets: [],
        configMaps: [],
        faults: [`${path}: ${(error as Error).message}`],
        broken: true,
      };
    });
    for (const fault of content.faults) log.warn('a resource file has a fault', { fault });
    // Half-written YAML says nothing about what it will say: what the file said before stays in force.
    if (content.broken && before !== undefined) return { stamp, content: before.content };
    return { stamp, content };
  };

  const unread = () => [...files.values()].some(({ content }) => content.broken);

  const apply = () => {
    const next = new Map<string, Entry>();
    const nextSecrets = new Map<string, Secret>();
    const nextConfigMaps = new Map<string, ConfigMap>();
    for (const { content } of files.values()) {
      for (const secret of content.secrets) {
        const key = keyOf({ tenant: secret.metadata.namespace, name: secret.metadata.name });
        if (!nextSecrets.has(key)) nextSecrets.set(key, secret);
        else nextSecrets.set(key, merged(nextSecrets.get(key) as Secret, secret));
      }
      for (const configMap of content.configMaps) {
        const key = keyOf({ tenant: configMap.metadata.namespace, name: configMap.metadata.name });
        // The same object as long as its file is: the first of a name counts.
        if (!nextConfigMaps.has(key)) nextConfigMaps.set(key, configMap);
      }
      for (const resource of content.resources) {
        if (next.has(id(resource))) {
          log.warn('a resource stands in the folder twice; the first counts', { where: resource.where });
        } else next.set(id(resource), refreshed(entries.get(id(resource)), entryOf(resource)));
      }
    }
    const changes: Change[] = [];
    for (const [key, entry] of next) {
      if (entries.get(key) !== entry)
        changes.push({ of: 'resource', kind: entry.kind, tenant: entry.tenant, name: entry.name });
    }
    // What a file says that was never whole is not known: nothing that was there before may be taken for gone.
    for (const [key, held] of unread() ? [] : memory) {
      if (next.has(key) || held.gone !== 'no') continue;
      memory.set(key, { ...held, gone: 'pending', status: {} });
      changes.push({ of: 'resource', kind: held.kind, tenant: held.tenant, name: held.name });
    }
    for (const key of new Set([...secrets.keys(), ...nextSecrets.keys()])) {
      if (secrets.get(key)?.version === nextSecrets.get(key)?.version) continue;
      const [tenant = '', name = ''] = key.split('/');
      changes.push({ of: 'secret', tenant, name });
    }
    for (const key of new Set([...configMaps.keys(), ...nextConfigMaps.keys()])) {
      if (configMaps.get(key) === nextConfigMaps.get(key)) continue;
      const [tenant = '', name = ''] = key.split('/');
      changes.push({ of: 'configMap', tenant, name });
    }
    entries = next;
    lists.clear();
    secrets = nextSecrets;
    configMaps = nextConfigMaps;
    if (changes.length > 0) storeSoon();
    synced = true;
    for (const change of changes) tell(change);
  };

  let unheard = false;
  const watches = [resourcesDir, secretsDir].map((dir) =>
    watchFolder(dir, {
      onChange() {
        clearTimeout(debounce);
        if (!stopped) debounce = setTimeout(() => void rescan(), debounceMs);
      },
      onFault(dir, error) {
        if (!unheard) log.warn('file events may be lost; the folder is looked at regularly', { dir, error });
        unheard = true;
      },
    }),
  );

  const stamps = async () => ({ written: await listFiles(resourcesDir), own: await listFiles(secretsDir) });
  const known = (found: ReadonlyMap<string, string>) =>
    [...found].every(([path, stamp]) => files.get(path)?.stamp === stamp);

  // A file that is written anew is empty for a moment, or absent: read then, all that it held would be taken for gone,
  // keys revoked. Our own files are put in place whole.
  const settled = async (first: Awaited<ReturnType<typeof stamps>>) => {
    let found = first;
    for (let i = 0; i < SETTLE_TRIES && !stopped; i++) {
      await delay(debounceMs);
      const again = await stamps();
      const quiet = same(found.written, again.written);
      found = again;
      if (quiet) break;
    }
    return found;
  };

  const scan = async () => {
    for (const watch of watches) if (!stopped) await watch.refresh();
    let seen = await stamps();
    const held = [...files.keys()].filter((path) => !path.startsWith(secretsDir)).length;
    const unchanged = seen.written.size === held && known(seen.written);
    if (synced && unchanged && seen.own.size === files.size - held && known(seen.own)) return;
    if (synced && !unchanged) seen = await settled(seen);
    const found = new Map([...seen.written, ...seen.own]);
    const next = new Map<string, Loaded>();
    for (const [path, stamp] of found) next.set(path, await load(path, stamp));
    files = next;
    apply();
  };
  const rescan = () => {
    scanning = scanning
      .then(scan)
      .catch((error: unknown) => log.error('the resource folder could not be read', { error }));
    return scanning;
  };

  return {
    name: 'folder',
    synced: () => synced,
    rescan,
    async start() {
      await mkdir(secretsDir, { recursive: true, mode: 0o700 });
      const { resources, damaged } = await loadState(stateFile);
      if (damaged) log.warn('the state of the folder is damaged; ages and status start anew', { file: stateFile });
      for (const held of resources) memory.set(id(held), held);
      await rescan();
      regular = setInterval(() => void rescan(), rescanMs);
    },
    async stop() {
      stopped = true;
      clearTimeout(debounce);
      clearInterval(regular);
      await scanning;
      for (const watch of watches) watch.close();
      clearTimeout(storeTimer);
      await store();
    },
    onChange: (listener) => void listeners.push(listener),
    list<K extends Kind>(kind: K, tenant?: string) {
      const all = lists.get(kind) ?? [...entries.values()].filter((entry) => entry.kind === kind);
      lists.set(kind, all);
      const found = tenant === undefined ? [...all] : all.filter((entry) => entry.tenant === tenant);
      return found as unknown as Entry<K>[];
    },
    get<K extends Kind>(kind: K, tenant: string, name: string) {
      return entries.get(id({ kind, tenant, name })) as unknown as Entry<K> | undefined;
    },
    secret: async (tenant, name) => secrets.get(keyOf({ tenant, name })),
    configMap: (tenant, name) => configMaps.get(keyOf({ tenant, name })),
    retainSecrets() {},
    async writeStatus(entry, status) {
      const held = memory.get(id(entry));
      const current = entries.get(id(entry));
      if (held === undefined || current?.uid !== entry.uid) return;
      memory.set(id(entry), { ...held, status });
      entries.set(id(entry), { ...current, status } as Entry);
      lists.delete(entry.kind);
      storeSoon();
      tell({ of: 'resource', kind: entry.kind, tenant: entry.tenant, name: entry.name });
    },
    async target(entry, ref: SecretKeyRef) {
      const own = await readTarget(secretsDir, entry, ref);
      if (own !== 'absent') return own;
      return secrets.get(keyOf({ tenant: entry.tenant, name: ref.name }))?.data.has(ref.key) ? 'foreign' : 'absent';
    },
    async writeTarget(entry, ref, value) {
      await writeTargetFile(secretsDir, entry, ref, value);
      await rescan();
    },
    emit(entry, { type, reason, note }) {
      const fields = { kind: entry.kind, namespace: entry.tenant, name: entry.name, reason, note };
      if (type === 'Warning') log.warn('a resource needs attention', fields);
      else log.info('a resource changed state', fields);
    },
    departed: () =>
      [...memory.values()]
        .filter((held) => held.gone === 'pending')
        .map((held) => ({ kind: held.kind, tenant: held.tenant, name: held.name, uid: uidOf(held) })),
    async forget(departed) {
      const held = memory.get(id(departed));
      if (departed.kind === 'VirtualKey') await removeTargetFile(secretsDir, departed);
      if (held === undefined || uidOf(held) !== departed.uid || held.gone !== 'pending') return;
      memory.set(id(departed), { ...held, gone: 'done' });
      storeSoon();
    },
    cluster: () => undefined,
    covers: () => !unread(),
  };
}

function same(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([path, stamp]) => other.get(path) === stamp);
}

// The same entry object as before when nothing about it changed, so that nobody hears of a change.
function refreshed(before: Entry | undefined, now: Entry): Entry {
  if (before === undefined || before.uid !== now.uid || before.generation !== now.generation) return now;
  const same = canonicalJson(before.annotations) === canonicalJson(now.annotations);
  return same && before.status === now.status ? before : now;
}

function merged(first: Secret, second: Secret): Secret {
  return {
    metadata: first.metadata,
    data: new Map([...second.data, ...first.data]),
    version: `${first.version}+${second.version}`,
  };
}
