import type { Findings } from '../findings.ts';
import type { Manifest } from '../manifest.ts';
import type { Names } from '../names.ts';
import type { Deployment } from './deployment.ts';

const MOST_MODELS = 256;

/**
 * Who may use what: everyone all models that stand in no access group, and of each group the team of its name. `patterns`
 * are models that are found without a Model.
 */
export function accessOf(
  byName: ReadonlyMap<string, readonly Deployment[]>,
  patterns: readonly string[],
  names: Names,
  findings: Findings,
): Manifest[] {
  const groups = new Map<string, string[]>();
  const open: string[] = [];
  for (const [publicName, deployments] of byName) {
    const named = new Set<string>();
    for (const { info } of deployments) {
      for (const group of info.texts('access_groups')) {
        named.add(group);
        const why = `only the team ${group} may use it, where LiteLLM lets every key that names no models do so`;
        findings.add('changed', info.at('access_groups'), why);
      }
    }
    if (named.size === 0) open.push(publicName);
    for (const group of named) groups.set(group, [...(groups.get(group) ?? []), publicName]);
  }
  const policies: Manifest[] = [];
  const put = (title: string, subjects: object, models: readonly string[]) => {
    for (let from = 0; from < models.length; from += MOST_MODELS) {
      const spec = { subjects, models: models.slice(from, from + MOST_MODELS) };
      policies.push({ kind: 'AccessPolicy', name: names.give(title), spec });
    }
  };
  put('everyone', { everyone: true }, [...open, ...patterns]);
  for (const [group, models] of groups) put(`group-${group}`, { teams: [group] }, models);
  return policies;
}
