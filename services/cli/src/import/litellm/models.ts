import type { Findings } from '../findings.ts';
import type { Manifest } from '../manifest.ts';
import type { Names } from '../names.ts';
import { defaultsOf } from './decoration.ts';
import { type Deployment, isWildcard } from './deployment.ts';
import { chainOf, type Fallbacks, namedIn } from './fallbacks.ts';
import { deploymentsByPattern } from './model-list.ts';
import type { Retry } from './reliability.ts';
import { targetsOf } from './targets.ts';

/** What counts for all Models of an import. */
export interface ForAll {
  readonly strategy: string;
  readonly tagged: boolean;
  readonly fallbacks: Fallbacks;
  readonly retryOf: (group: string) => Retry;
  readonly breaker: Readonly<Record<string, number>>;
  readonly cache: Readonly<Record<string, unknown>> | undefined;
  readonly drops: boolean;
  /** Further names of models, with where they are said. */
  readonly aliases: ReadonlyMap<string, { readonly to: string; readonly path: string }>;
}

/** The Models of an import, and the deployments behind each public name. */
export interface Imported {
  readonly manifests: readonly Manifest[];
  readonly byName: ReadonlyMap<string, readonly Deployment[]>;
}

const PUBLIC_NAME = /^[A-Za-z0-9]([A-Za-z0-9._:/@-]*[A-Za-z0-9])?$/;
const MOST_FALLBACKS = 4;

/** Makes a Model of each name: those of `model_list`, aliases, and names under a wildcard that fallbacks speak of. */
export function modelsOf(deployments: readonly Deployment[], all: ForAll, names: Names, findings: Findings): Imported {
  const byName = groupsOf(deployments, all, findings);
  const resources = new Map([...byName.keys()].map((name) => [name, names.give(name)]));
  const manifests = [...byName].map(([publicName, group]): Manifest => {
    const name = resources.get(publicName) as string;
    const origin = all.aliases.get(publicName)?.to ?? publicName;
    const targets = targetsOf(group, all.tagged, findings);
    const defaults = defaultsOf(group, findings);
    const drops = all.drops || group.every(({ params }) => params.flag('drop_params') === true);
    const fallbacks = fallbackSpec(origin, all.fallbacks, resources, findings);
    const several = targets.length > 1;
    const isLevelled = new Set(targets.map(({ priority }) => priority)).size === targets.length;
    const spec = {
      ...(name === publicName ? {} : { publicName }),
      targets: several ? targets : targets.map(({ priority: _, weight: __, ...target }) => target),
      ...(isLevelled ? {} : { routing: { strategy: all.strategy } }),
      retry: retryOf(group, all.retryOf(origin), findings),
      ...(several ? { breaker: all.breaker } : {}),
      ...(fallbacks === undefined ? {} : { fallbacks }),
      ...(drops ? { unsupported: 'Drop' } : {}),
      ...(all.cache === undefined ? {} : { cache: all.cache }),
      ...(defaults === undefined ? {} : { decoration: { defaults } }),
    };
    return { kind: 'Model', name, spec };
  });
  return { manifests, byName };
}

function groupsOf(deployments: readonly Deployment[], all: ForAll, findings: Findings): Map<string, Deployment[]> {
  const groups = new Map<string, Deployment[]>();
  const put = (name: string, group: Deployment[], path: string) => {
    if (name.length > 128 || !PUBLIC_NAME.test(name)) {
      findings.add('not-carried', path, 'a public name is of letters, digits and . _ : / @ -, at most 128');
    } else groups.set(name, [...(groups.get(name) ?? []), ...group]);
  };
  for (const one of deployments) if (!isWildcard(one)) put(one.group, [one], `${one.path}.model_name`);
  for (const name of namedIn(all.fallbacks)) {
    const group = groups.has(name) || all.aliases.has(name) ? [] : deploymentsByPattern(deployments, name);
    if (group.length > 0) put(name, group, all.fallbacks.paths.errors);
  }
  for (const [name, { to, path }] of all.aliases) {
    const group = groups.get(to) ?? deploymentsByPattern(deployments, to);
    if (group.length === 0) findings.add('not-carried', path, `no model is called ${to}`);
    else if (groups.has(name)) findings.add('not-carried', path, `a model is called ${name} already`);
    else put(name, group, path);
  }
  return groups;
}

function retryOf(group: readonly Deployment[], said: Retry, findings: Findings): Retry {
  for (const { params, maxRetries } of group) {
    if (maxRetries === undefined || maxRetries === said.attempts) continue;
    const name = params.has('num_retries') ? 'num_retries' : 'max_retries';
    findings.add('not-carried', params.at(name), `retry is one for all targets of a Model: ${said.attempts}`);
  }
  return said;
}

function fallbackSpec(
  name: string,
  { errors, contextWindow, contentPolicy, depth, paths }: Fallbacks,
  resources: ReadonlyMap<string, string>,
  findings: Findings,
): Readonly<Record<string, readonly string[]>> | undefined {
  const spec: Record<string, readonly string[]> = {};
  // LiteLLM goes by the general lists for a cause that has none at all.
  for (const [cause, lists] of [
    ['errors', errors],
    ['contextWindow', contextWindow ?? errors],
    ['contentPolicy', contentPolicy ?? errors],
  ] as const) {
    const path = `${paths[cause]}.${name}`;
    const chain = chainOf(lists, name, depth).flatMap((next) => {
      const resource = resources.get(next);
      if (resource === undefined) findings.add('not-carried', path, `no model is called ${next}`);
      return resource === undefined ? [] : [resource];
    });
    if (chain.length > MOST_FALLBACKS) {
      const left = chain.slice(MOST_FALLBACKS).join(', ');
      findings.add('not-carried', path, `a Model has at most ${MOST_FALLBACKS} fallbacks: without ${left}`);
    }
    if (chain.length > 0) spec[cause] = chain.slice(0, MOST_FALLBACKS);
  }
  return Object.keys(spec).length === 0 ? undefined : spec;
}
