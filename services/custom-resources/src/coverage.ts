import { callerGaps, clientsOf } from './caller-coverage.ts';
import { matchesGlob } from './glob.ts';
import type { Kind } from './kinds.ts';
import type { Resource } from './parse.ts';
import { toolGaps } from './tool-coverage.ts';

/** Something that the protection does not reach, or reaches less than it could. */
export interface Gap {
  readonly about: 'key' | 'client' | 'model' | 'tool' | 'provider tool' | 'policy';
  readonly name: string;
  readonly gap: string;
}

/** What stands inside and outside of the protection in a namespace. */
export interface Coverage {
  /** How many there are of what gaps are about. */
  readonly totals: { readonly keys: number; readonly clients: number; readonly models: number; readonly tools: number };
  readonly gaps: readonly Gap[];
}

/** A resource of one kind. */
export type Of<K extends Kind> = Extract<Resource, { readonly kind: K }>;

/** Names of the tools that each tool server (by name) was seen to have, declared or not. */
export type SeenTools = ReadonlyMap<string, readonly string[]>;

/**
 * Finds the clients, keys, models and tools of a namespace that stand outside of the protection, by its resources and,
 * where that is known, by what tools there are.
 */
export function coverageOf(resources: readonly Resource[], namespace: string, seen: SeenTools = new Map()): Coverage {
  const own = resources.filter((one) => one.metadata.namespace === namespace);
  const of = <K extends Kind>(kind: K) => own.filter((one): one is Of<K> => one.kind === kind);
  const policies = of('ToolPolicy');
  const callers = {
    keys: of('VirtualKey').filter(({ spec }) => !spec.disabled),
    clients: of('Client').filter(({ spec }) => !spec.disabled),
  };
  const servers = of('ToolServer').map((server) => toolGaps(server, policies, seen.get(server.metadata.name) ?? []));
  const gaps = [
    ...callerGaps(callers, of('AccessPolicy'), policies),
    ...modelGaps(of('Model'), of('AccessPolicy'), policies),
    ...servers.flatMap((server) => server.gaps),
    ...policies.flatMap(policyGaps),
  ];
  const totals = {
    keys: callers.keys.length,
    clients: clientsOf(callers).length,
    models: of('Model').length,
    tools: servers.reduce((sum, { tools }) => sum + tools, 0),
  };
  return { totals, gaps };
}

function modelGaps(
  models: readonly Of<'Model'>[],
  access: readonly Of<'AccessPolicy'>[],
  policies: readonly Of<'ToolPolicy'>[],
): Gap[] {
  const allowed = policies.flatMap(({ metadata, spec }) =>
    spec.calls.some(({ action }) => action === 'Allow' || action === 'Ask')
      ? spec.providerTools.map(({ provider, type }) => ({ policy: metadata.name, provider, type }))
      : [],
  );
  const readers = new Set(
    policies.flatMap(({ spec }) => spec.results.flatMap(({ quarantine }) => quarantine?.model ?? [])),
  );
  return [
    ...allowed.map(({ policy, provider, type }): Gap => {
      const gap = `is allowed by ${policy}: ${provider} runs it and the gate sees neither call nor source`;
      return { about: 'provider tool', name: `${provider}/${type}`, gap };
    }),
    ...models.flatMap(({ metadata, spec }): Gap[] => {
      const name = spec.publicName ?? metadata.name;
      const provided = spec.targets.filter(({ provider }) => allowed.some((one) => one.provider === provider));
      const asked = access.some(({ spec: granted }) => granted.models.some((pattern) => matchesGlob(pattern, name)));
      return [
        ...(provided.length > 0 && asked
          ? [{ about: 'model' as const, name, gap: 'may answer with tools that its provider runs' }]
          : []),
        ...(readers.has(name) && asked
          ? [{ about: 'model' as const, name, gap: 'reads in quarantine and may be called directly too' }]
          : []),
      ];
    }),
  ];
}

function policyGaps({ metadata, spec }: Of<'ToolPolicy'>): Gap[] {
  const { name } = metadata;
  const gap = (text: string): Gap => ({ about: 'policy', name, gap: text });
  const observing = [...spec.calls, ...spec.results].filter(({ mode }) => (mode ?? spec.mode) === 'Observe');
  const shared = [...spec.calls, ...spec.results].filter(({ rollout }) => rollout !== undefined);
  const plain = spec.results.filter(({ action, trust }) => action === 'Allow' && trust !== 'Trusted');
  return [
    ...observing.map((one) => gap(`rule ${one.name} only observes`)),
    ...shared.map((one) => gap(`rule ${one.name} acts for ${one.rollout} percent of principals`)),
    ...plain.map((one) => gap(`rule ${one.name} hands results on in plain and untrusted`)),
    ...(spec.mode === undefined ? [gap('has no mode: it acts only where the installation enforces')] : []),
  ];
}
