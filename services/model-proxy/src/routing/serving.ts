import type { Model } from '../catalog.ts';
import type { Step } from './plan.ts';

/** A turn, or a Model alone. */
export interface Served {
  readonly model: Model;
  readonly routed?: Pick<Step, 'model' | 'maxTokens'> | undefined;
}

/** The Model that serves the present call: the one that was asked for, or one that it falls back to. */
export function servingModel({ routed, model }: Served): Model {
  return routed?.model ?? model;
}

/** Most output tokens of the present call; undefined: as many as are asked for. */
export function mostTokens(turn: Served): number | undefined {
  const own = servingModel(turn).spec.maxOutputTokens;
  const degraded = turn.routed?.maxTokens;
  return own === undefined || degraded === undefined ? (own ?? degraded) : Math.min(own, degraded);
}
