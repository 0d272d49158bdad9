import { weightsOf } from '../adaptive-weight.ts';
import type { Candidate, Strategy } from '../strategy.ts';

/** By chance, in the proportion of weights. Where all that is left has weight 0, the first. */
export const weighted: Strategy = {
  name: 'Weighted',
  choose(candidates, asked) {
    const weights = weightsOf(candidates, asked);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let left = asked.random() * total;
    for (const [at, candidate] of candidates.entries()) {
      const weight = weights[at] as number;
      left -= weight;
      if (weight > 0 && left < 0) return { candidate, why: `weight ${round(weight)} of ${round(total)}` };
    }
    return { candidate: candidates[0] as Candidate, why: `weight 0 of ${round(total)}` };
  },
};

function round(weight: number): number {
  return Math.round(weight * 100) / 100;
}
