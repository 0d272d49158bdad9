import { type ModelSpec, orderedTargets } from '@sallyport/custom-resources/model';
import { type ModelProviderSpec, providerBaseUrl, providerUrls } from '@sallyport/custom-resources/model-provider';
import type { Snapshot, SnapshotItem } from '@sallyport/peers/snapshot';
import { createDiscovery } from './catalogue/discovery.ts';
import type { ProviderDeclaration } from './providers/define-provider.ts';
import { findProvider } from './providers/index.ts';
import { placed } from './providers/placed.ts';

/** A ModelProvider ready to be called. */
export interface Provider {
  readonly tenant: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly spec: ModelProviderSpec;
  readonly declaration: ProviderDeclaration;
  readonly baseUrl: string;
  /** Scheme, host and port, of several separated by a blank: what its credential is bound to. */
  readonly origin: string;
}

/** One target of a model: which provider, and the model's name there. */
export interface Target {
  readonly provider: Provider;
  readonly model: string;
  /** The target as the Model says it; absent where no Model does. */
  readonly spec?: ModelSpec['targets'][number];
}

/** A Model ready to be routed to. `targets` stand in the order of trying, without those whose provider is missing. */
export interface Model {
  readonly tenant: string;
  readonly name: string;
  readonly publicName: string;
  readonly uid: string;
  readonly createdAtMs: number;
  readonly spec: ModelSpec;
  readonly targets: readonly Target[];
}

/** Models and providers of the current snapshot. */
export interface Catalog {
  /** The model of a public name in a tenant, or undefined. */
  find(tenant: string, publicName: string): Model | undefined;
  /** All models of a tenant by public name. */
  list(tenant: string): readonly Model[];
  /** Models of a tenant that no Model declares, by `<provider>:<model>`. */
  discovered(tenant: string): readonly Model[];
  /** Takes what a provider listed; models of it may then be found. */
  learn(provider: Provider, listed: readonly string[]): void;
  providers(): readonly Provider[];
}

/** Keeps a catalog that follows the snapshot; unchanged resources keep their compiled form. */
export function followCatalog(snapshot: Pick<Snapshot, 'items' | 'onChange'>): Catalog {
  let compiled = compileCatalog(snapshot.items('Model'), snapshot.items('ModelProvider'));
  const discovery = createDiscovery(() => compiled.providers, serving);
  snapshot.onChange((kind) => {
    if (kind === 'Model' || kind === 'ModelProvider') {
      compiled = compileCatalog(snapshot.items('Model'), snapshot.items('ModelProvider'));
      discovery.changed();
    }
  });
  return {
    find: (tenant, publicName) => compiled.models.get(tenant)?.get(publicName) ?? discovery.find(tenant, publicName),
    list: (tenant) => [...(compiled.models.get(tenant)?.values() ?? [])],
    discovered: discovery.list,
    learn: discovery.learn,
    providers: () => compiled.providers,
  };
}

const variants = new WeakMap<Provider, Map<ProviderDeclaration, Provider>>();

/** The provider as it serves a model: as a variant of its declaration, where one is for that model. */
export function serving(provider: Provider, model: string): Provider {
  const found = provider.declaration.variants?.find(({ models }) => models.test(model));
  if (found === undefined) return provider;
  const made = variants.get(provider) ?? new Map<ProviderDeclaration, Provider>();
  variants.set(provider, made);
  const known = made.get(found.declaration) ?? { ...provider, declaration: found.declaration };
  made.set(found.declaration, known);
  return known;
}

/** Compiles accepted Models and ModelProviders. The oldest Model holds a contested public name. */
export function compileCatalog(models: readonly SnapshotItem[], providers: readonly SnapshotItem[]) {
  const byName = new Map<string, Provider>();
  for (const item of providers) {
    const spec = item.spec as ModelProviderSpec;
    const declared = findProvider(spec.type);
    if (!declared) continue;
    const baseUrl = providerBaseUrl(spec);
    byName.set(`${item.tenant}/${item.name}`, {
      tenant: item.tenant,
      name: item.name,
      uid: item.uid,
      generation: item.generation,
      spec,
      declaration: placed(declared, spec),
      baseUrl,
      origin: providerUrls(spec)
        .map((url) => new URL(url).origin)
        .join(' '),
    });
  }
  const compiled = new Map<string, Map<string, Model>>();
  for (const item of [...models].sort((a, b) => a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : 1))) {
    const spec = item.spec as ModelSpec;
    const publicName = spec.publicName ?? item.name;
    const ofTenant = compiled.get(item.tenant) ?? new Map<string, Model>();
    compiled.set(item.tenant, ofTenant);
    if (ofTenant.has(publicName)) continue;
    const targets = orderedTargets(spec).flatMap((target): Target[] => {
      const provider = byName.get(`${item.tenant}/${target.provider}`);
      return provider ? [{ provider: serving(provider, target.model), model: target.model, spec: target }] : [];
    });
    const { tenant, name, uid, createdAtMs } = item;
    ofTenant.set(publicName, { tenant, name, publicName, uid, createdAtMs, spec, targets });
  }
  return { models: compiled, providers: [...byName.values()] };
}
