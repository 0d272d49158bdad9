import type { Settings } from '../settings.ts';

/** A way to call one model at one provider: what an entry of `model_list` says, in our words. */
export interface Deployment {
  readonly path: string;
  /** Its `model_name`. */
  readonly group: string;
  /** Name of the ModelProvider. */
  readonly provider: string;
  /** Name of the model there; a pattern with `*` for a wildcard. */
  readonly model: string;
  readonly params: Settings;
  readonly info: Settings;
  readonly order: number | undefined;
  readonly weights: Readonly<Record<WeightedBy, number | undefined>>;
  readonly tags: readonly string[];
  readonly region: string | undefined;
  readonly maxConcurrent: number | undefined;
  readonly maxRetries: number | undefined;
}

/** By what LiteLLM weighs deployments, in the order in which it looks. */
export const WEIGHTED_BY = ['weight', 'rpm', 'tpm'] as const;

/** By what deployments are weighed. */
export type WeightedBy = (typeof WEIGHTED_BY)[number];

/** Whether a deployment stands for all models that fit a pattern. */
export function isWildcard({ group, model }: Pick<Deployment, 'group' | 'model'>): boolean {
  return group.includes('*') || model.includes('*');
}

/** What the first `*` of a pattern stands for in a name; undefined where the name does not fit. */
export function matched(pattern: string, name: string): string | undefined {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === name ? '' : undefined;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  if (name.length < before.length + after.length || !name.startsWith(before) || !name.endsWith(after)) return undefined;
  return name.slice(before.length, name.length - after.length);
}
