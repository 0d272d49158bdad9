import type { StrategyName } from '@sallyport/custom-resources/model-routing';
import type { Target } from '../catalog.ts';
import type { TargetState } from './state.ts';

/** A target that may serve the request, with what is known of it. */
export interface Candidate {
  readonly target: Target;
  readonly state: TargetState;
  /** The same on all replicas and in all revisions. */
  readonly id: string;
  readonly priority: number;
  /** Place among the targets of its Model, by priority and then as written. */
  readonly rank: number;
  readonly weight: number;
  readonly tier: Tier;
}

/** How able a model is. */
export type Tier = 'Small' | 'Medium' | 'Large';

/** What strategies may ask of the request and of the world. What is dear is a function. */
export interface Asked {
  readonly now: number;
  random(): number;
  readonly stream: boolean;
  /** What keeps its target with strategy Sticky. */
  affinity(): string;
  /** Nano-USD that the request is expected to cost; undefined: the price is unknown. */
  cost(candidate: Candidate): number | undefined;
  /** The tier that the request wants, and why. */
  tier(): { readonly tier: Tier; readonly score: number };
  readonly weightBounds: WeightBounds | undefined;
}

/** How far weights may follow what is measured. */
export interface WeightBounds {
  readonly minPercent: number;
  readonly maxPercent: number;
  readonly follow: readonly ('Cost' | 'Errors' | 'Latency')[];
}

/** A candidate and why it was chosen, in a few words for the record. */
export interface Choice {
  readonly candidate: Candidate;
  readonly why: string;
}

/** One way to choose. Pure: the same input, state and chance give the same choice. There is at least one candidate. */
export interface Strategy {
  readonly name: StrategyName | 'HighestThroughput';
  choose(candidates: readonly Candidate[], asked: Asked): Choice;
}

/** The candidate with the least value, the first of equals; values that are undefined come last. */
export function least(candidates: readonly Candidate[], read: (one: Candidate) => number | undefined): Candidate {
  let best = candidates[0] as Candidate;
  let lowest = Number.POSITIVE_INFINITY;
  for (const one of candidates) {
    const value = read(one) ?? Number.POSITIVE_INFINITY;
    if (value < lowest) {
      best = one;
      lowest = value;
    }
  }
  return best;
}

/** Milliseconds that a candidate has taken of late for what the request waits for. */
export function latencyOf({ state }: Candidate, { now, stream }: Pick<Asked, 'now' | 'stream'>): number | undefined {
  return stream ? state.firstToken.value(now) : state.total.value(now);
}
