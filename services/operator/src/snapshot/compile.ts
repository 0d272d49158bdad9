import {
  type ClusterIdentity,
  type IdentityProviderSpec,
  type Kind,
  parseSpec,
  type Resource,
  type ToolPolicySpec,
  type ToolPolicyStatus,
  type ToolServerSpec,
  toolPolicyFaults,
} from '@sallyport/custom-resources';
import type { Item } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { acceptance } from '../checks/acceptance.ts';
import { type ConfigMaps, documentOf, documentRef } from '../checks/document.ts';
import { canonicalJson, type Entry, sha256 } from '../entry.ts';
import type { View } from '../source/source.ts';
import { refusalOf } from './refusal.ts';

/** An item of a snapshot without protobuf's own field. */
export type SnapshotItem = Omit<Item, '$typeName' | '$unknown'>;

type InForce = NonNullable<ToolPolicyStatus['inForce']>;

/** Kinds that services may watch. Virtual keys go to identity alone. */
export const snapshotKinds: readonly Kind[] = [
  'ModelProvider',
  'Model',
  'ToolServer',
  'Toolset',
  'AccessPolicy',
  'ToolPolicy',
  'Limit',
  'IdentityProvider',
  'Client',
  'Team',
];

/** Kinds that take something away, so that leaving one out would let pass what it was written to hold. */
const heldKinds: readonly Kind[] = ['ToolPolicy', 'AccessPolicy', 'Limit'];

/** Turns the resources of a kind into what is in force of it. */
export interface Compiler {
  /** `cluster`: the keys of the cluster that Sallyport runs in, for its IdentityProviders; `configMaps`: for documents. */
  compile(kind: Kind, view: View, cluster?: ClusterIdentity, configMaps?: ConfigMaps): SnapshotItem[];
  /** What is in force of a resource that is not accepted as it is written, for its status; undefined: no good spec. */
  inForce(entry: Entry): InForce | undefined;
}

/**
 * Makes a compiler. A spec that is not accepted leaves the last good one of the same resource in force, unless another
 * Model holds its public name by now. With none, the resource is absent where that denies what it would have allowed;
 * what takes something away (`heldKinds`) denies what it selects (DESIGN §6), and its last good spec stands in its status
 * meanwhile, so that another replica and a later process know it too.
 */
export function createCompiler(): Compiler {
  const lastGood = new Map<Kind, Map<string, SnapshotItem>>();
  return {
    compile(kind, view, cluster, configMaps = () => undefined) {
      const entries = view.list(kind);
      const before = lastGood.get(kind);
      const accepted = new Map<string, SnapshotItem>();
      const held = new Map<string, SnapshotItem>();
      const refused: SnapshotItem[] = [];
      for (const entry of entries) {
        const item = acceptance(entry, view).status === 'True' ? itemOf(entry, cluster, configMaps) : undefined;
        const last = before?.get(entry.uid) ?? restored(entry);
        if (item !== undefined) accepted.set(entry.uid, item);
        else if (last !== undefined) held.set(entry.uid, last);
        else refused.push(...refusedItems(entry));
      }
      if (kind === 'Model') {
        const names = new Set([...accepted.values()].map(publicName));
        for (const [uid, item] of held) if (names.has(publicName(item))) held.delete(uid);
      }
      const good = new Map([...accepted, ...held]);
      lastGood.set(kind, good);
      return [...good.values(), ...refused].sort((a, b) => (a.uid < b.uid ? -1 : 1));
    },
    inForce(entry) {
      if (!heldKinds.includes(entry.kind)) return undefined;
      const last = lastGood.get(entry.kind)?.get(entry.uid) ?? restored(entry);
      return last === undefined ? undefined : { generation: last.generation, spec: last.specJson };
    },
  };
}

/** The last good spec that the status holds, if it still is one. */
function restored(entry: Entry): SnapshotItem | undefined {
  if (!heldKinds.includes(entry.kind)) return undefined;
  const { generation, spec } = (entry.status.inForce ?? {}) as Partial<InForce>;
  if (typeof generation !== 'number' || typeof spec !== 'string') return undefined;
  try {
    const parsed = parseSpec(entry.kind, JSON.parse(spec), entry.name);
    if (!parsed.ok) return undefined;
    if (entry.kind === 'ToolPolicy' && toolPolicyFaults(parsed.value as ToolPolicySpec).length > 0) return undefined;
    return itemWith({ ...entry, generation }, canonicalJson(parsed.value));
  } catch {
    return undefined;
  }
}

function publicName({ tenant, name, specJson }: SnapshotItem): string {
  return `${tenant}/${(JSON.parse(specJson) as { publicName?: string }).publicName ?? name}`;
}

function refusedItems(entry: Entry): SnapshotItem[] {
  const refusal = refusalOf(entry.kind, entry.name, entry.written);
  return refusal === undefined ? [] : [itemWith(entry, canonicalJson(refusal))];
}

/** By resource; `document`: what its ConfigMap held. */
const made = new WeakMap<object, { readonly item: SnapshotItem; readonly document: string | undefined }>();

function itemOf(entry: Entry, cluster: ClusterIdentity | undefined, configMaps: ConfigMaps): SnapshotItem | undefined {
  if (!entry.parsed.ok) return undefined;
  const resource = entry.parsed.value;
  if (resource.kind === 'IdentityProvider' && ofCluster(resource.spec, cluster)) {
    return itemWith(entry, canonicalJson({ ...resource.spec, cluster }));
  }
  const ref = documentRef(entry);
  const found = ref && documentOf(entry.tenant, ref, configMaps);
  if (found !== undefined && !('text' in found)) return undefined;
  const known = made.get(resource);
  if (known !== undefined && known.document === found?.text) return known.item;
  const fresh = itemWith(
    entry,
    canonicalJson(found === undefined ? resource.spec : withDocument(resource, found.text)),
  );
  made.set(resource, { item: fresh, document: found?.text });
  return fresh;
}

/** Whoever reads the document need not know where it stood. */
function withDocument({ spec }: Resource, document: string): object {
  const { configMapRef: _ref, ...openApi } = (spec as ToolServerSpec).openApi ?? {};
  return { ...spec, openApi: { ...openApi, document } };
}

// An issuer that is written out is the same cluster only where it is the same text, as in iss of tokens.
function ofCluster(spec: IdentityProviderSpec, cluster: ClusterIdentity | undefined): boolean {
  if (spec.type !== 'Kubernetes' || spec.jwksURL !== undefined || cluster === undefined) return false;
  return spec.issuer === undefined || spec.issuer === cluster.issuer;
}

function itemWith({ kind, tenant, name, uid, createdAtMs, generation }: Entry, specJson: string): SnapshotItem {
  return { tenant, name, uid, specJson, contentHash: sha256(`${kind}\n${specJson}`), createdAtMs, generation };
}
