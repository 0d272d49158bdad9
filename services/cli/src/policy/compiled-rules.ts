import type { Resource } from '@sallyport/custom-resources';
import { createCompiler } from '@sallyport/policy/snapshot/compile';
import type { HeldItem } from '@sallyport/policy/snapshot/held';
import type { Snapshot } from '@sallyport/policy/snapshot/tenant';
import { KINDS } from '@sallyport/policy/snapshot/units';

/** Resources as the policy service holds them once they are applied, and what rules look like in YAML. */
export interface CompiledRules {
  readonly snapshot: Snapshot;
  /** Condition of a rule as its author wrote it, by namespace, phase and id: see `conditionOf`. */
  readonly conditions: ReadonlyMap<string, string>;
  readonly resources: readonly Resource[];
}

/** Namespace of resources that name none. */
export const DEFAULT_NAMESPACE = 'default';

/** Compiles resources as the policy service does: what a rule that cannot be used selects is refused. */
export async function compileRules(resources: readonly Resource[]): Promise<CompiledRules> {
  const compiler = createCompiler(() => undefined);
  const held = new Map(
    KINDS.map((kind) => {
      const items = resources.flatMap((one, index): [string, HeldItem][] => {
        if (one.kind !== kind) return [];
        const { name, namespace: tenant, uid = `${tenant}/${kind}/${name}` } = one.metadata;
        const specJson = JSON.stringify(one.spec);
        return [[uid, { tenant, name, uid, specJson, contentHash: specJson, createdAtMs: index }]];
      });
      return [kind, { revision: String(resources.length), items: new Map(items) }];
    }),
  );
  const snapshot = await compiler.compile(held, true);
  return { snapshot, conditions: conditionsIn(resources), resources };
}

/** Key of `CompiledRules.conditions`. */
export function conditionKey(namespace: string, phase: 'calls' | 'results', id: string): string {
  return `${namespace} ${phase} ${id}`;
}

function conditionsIn(resources: readonly Resource[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const one of resources) {
    if (one.kind !== 'ToolPolicy') continue;
    const { name, namespace } = one.metadata;
    for (const phase of ['calls', 'results'] as const) {
      // What cannot be read is held as it is.
      const rules: unknown = one.spec?.[phase];
      for (const rule of Array.isArray(rules) ? (rules as typeof one.spec.calls) : []) {
        if (typeof rule?.when !== 'string') continue;
        found.set(conditionKey(namespace, phase, `${name}/${rule.name}`), rule.when);
      }
    }
  }
  return found;
}

/**
 * What rules of a library need around them: everybody may use every tool, and the models exist that read in quarantine.
 * Nothing is added where the resources say it themselves.
 */
export function surroundings(resources: readonly Resource[], namespace: string): Resource[] {
  const own = resources.filter((one) => one.metadata.namespace === namespace);
  const models = new Set(
    own.flatMap((one) => (one.kind === 'Model' ? [one.spec.publicName ?? one.metadata.name] : [])),
  );
  const readers = own.flatMap((one) =>
    one.kind === 'ToolPolicy'
      ? one.spec.results.flatMap(({ quarantine }) => (quarantine?.model === undefined ? [] : [quarantine.model]))
      : [],
  );
  const added: Resource[] = [...new Set(readers)]
    .filter((name) => !models.has(name))
    .map((name) =>
      resource('Model', name, namespace, { targets: [{ provider: 'any', model: name }], publicName: name }),
    );
  if (!own.some((one) => one.kind === 'AccessPolicy')) {
    const spec = { subjects: { everyone: true }, models: ['*'], tools: ['*/*'] };
    added.push(resource('AccessPolicy', 'everybody', namespace, spec));
  }
  return added;
}

/** A resource that no file holds; its spec is what an author would write. */
export function resource<K extends Resource['kind']>(
  kind: K,
  name: string,
  namespace: string,
  spec: unknown,
): Resource {
  const metadata = { name, namespace, labels: {}, annotations: {} };
  return { apiVersion: 'sallyport.dev/v1alpha1', kind, metadata, spec } as unknown as Resource;
}
