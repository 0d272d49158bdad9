import { matchesGlob } from '@sallyport/custom-resources/glob';
import { model as modelKind } from '@sallyport/custom-resources/model';
import type { Model, Provider } from '../catalog.ts';

/** Models that may be called without a Model: those that a provider lists, or that its resource names. */
export interface Discovery {
  /** Takes what a provider listed when it was asked. */
  learn(provider: Provider, listed: readonly string[]): void;
  /**
   * The model of a name: `<provider>:<model>`, or the bare name of the model, of which the first provider by name that has it
   * counts. The Model's public name is `<provider>:<model>` in both cases: policies, limits and records know no other.
   */
  find(tenant: string, name: string): Model | undefined;
  /** All of a tenant, by provider and name. */
  list(tenant: string): readonly Model[];
}

/** Most names that are taken from one provider's list. */
export const MOST_TAKEN = 2_000;

interface Found {
  readonly provider: Provider;
  readonly model: string;
}

interface Names {
  readonly byName: ReadonlyMap<string, Found>;
  readonly byBareName: ReadonlyMap<string, Found>;
}

/** Models are made when they are first asked for, and as long as their provider stays as it is. */
const made = new WeakMap<Provider, Map<string, Model | undefined>>();

/** Gives the provider as it serves a model. */
type Serving = (provider: Provider, model: string) => Provider;

/** Follows the providers that `providers` tells; call `changed` when they change. */
export function createDiscovery(
  providers: () => readonly Provider[],
  serving: Serving = (provider) => provider,
): Discovery & { changed(): void } {
  /** By UID and base URL: another address is another provider. */
  const listed = new Map<string, readonly string[]>();
  let tenants: Map<string, Names> | undefined;

  const namesOf = (tenant: string): Names | undefined => {
    tenants ??= index(providers(), listed);
    return tenants.get(tenant);
  };
  return {
    changed() {
      tenants = undefined;
      const alive = new Set(providers().map(keyOf));
      for (const key of listed.keys()) if (!alive.has(key)) listed.delete(key);
    },
    learn(provider, names) {
      const key = keyOf(provider);
      const before = listed.get(key);
      if (before?.length === names.length && names.every((name, index) => name === before[index])) return;
      listed.set(key, names);
      tenants = undefined;
    },
    find(tenant, name) {
      const names = namesOf(tenant);
      const found = names?.byName.get(name) ?? names?.byBareName.get(name);
      return found && modelOf(found, serving);
    },
    list: (tenant) => [...(namesOf(tenant)?.byName.values() ?? [])].flatMap((found) => modelOf(found, serving) ?? []),
  };
}

/** The models that a provider offers without a Model, in order: of what it listed, what its resource lets in. */
export function offered({ spec }: Pick<Provider, 'spec'>, listed: readonly string[]): string[] {
  const { discovery } = spec;
  if (discovery === undefined) return [];
  const { mode, models, include, exclude } = discovery;
  const fits = (patterns: readonly string[], name: string) => patterns.some((pattern) => matchesGlob(pattern, name));
  const taken = mode === 'Enabled' ? listed.filter((name) => fits(include, name)) : [];
  return [...new Set([...models, ...taken])].filter((name) => !fits(exclude, name)).sort();
}

function keyOf({ uid, baseUrl }: Provider): string {
  return `${uid} ${baseUrl}`;
}

function index(providers: readonly Provider[], listed: ReadonlyMap<string, readonly string[]>): Map<string, Names> {
  const tenants = new Map<string, { byName: Map<string, Found>; byBareName: Map<string, Found> }>();
  for (const provider of [...providers].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (provider.spec.discovery === undefined) continue;
    let names = tenants.get(provider.tenant);
    if (names === undefined) {
      names = { byName: new Map(), byBareName: new Map() };
      tenants.set(provider.tenant, names);
    }
    for (const model of offered(provider, listed.get(keyOf(provider)) ?? [])) {
      const found = { provider, model };
      names.byName.set(`${provider.name}:${model}`, found);
      if (!names.byBareName.has(model)) names.byBareName.set(model, found);
    }
  }
  return tenants;
}

function modelOf({ provider, model }: Found, serving: Serving): Model | undefined {
  const ofProvider = made.get(provider) ?? new Map<string, Model | undefined>();
  made.set(provider, ofProvider);
  if (!ofProvider.has(model)) ofProvider.set(model, make(provider, model, serving));
  return ofProvider.get(model);
}

/** A Model as one would write it that has this target alone; undefined for a name that no Model could hold. */
function make(provider: Provider, model: string, serving: Serving): Model | undefined {
  const parsed = modelKind.spec.safeParse({ targets: [{ provider: provider.name, model }] });
  const [target] = parsed.data?.targets ?? [];
  if (!parsed.success || !target) return undefined;
  const publicName = `${provider.name}:${model}`;
  return {
    tenant: provider.tenant,
    name: publicName,
    publicName,
    uid: `${provider.uid}/${model}`,
    createdAtMs: 0,
    spec: { ...parsed.data, publicName },
    targets: [{ provider: serving(provider, model), model, spec: target }],
  };
}

/**
 * The names in a provider's list of models, in order, at most `MOST_TAKEN`: an array of objects with `id` or `name`, itself or
 * under `data`, `models`, `result` or `endpoints`. Undefined for a body that is no such list.
 */
export function listedNames(body: unknown): string[] | undefined {
  const object = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const list = [body, object.data, object.models, object.result, object.endpoints].find(Array.isArray);
  if (list === undefined) return undefined;
  const names = list.flatMap((one: unknown) => {
    const { id, name } = (typeof one === 'object' && one !== null ? one : {}) as { id?: unknown; name?: unknown };
    // Cloudflare's ids are numbers of its own, and Gemini's names have the collection before them.
    const text = typeof name === 'string' && /^(models\/|@)/.test(name) ? name.replace(/^models\//, '') : (id ?? name);
    return typeof text === 'string' && /^\S{1,256}$/.test(text) ? [text] : [];
  });
  return [...new Set(names)].sort().slice(0, MOST_TAKEN);
}
