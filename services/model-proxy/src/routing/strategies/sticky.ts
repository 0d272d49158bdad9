import { rendezvousScore } from '../rendezvous.ts';
import { type Candidate, least, type Strategy } from '../strategy.ts';

/**
 * The same target for the same run, user or key, in the proportion of weights, on whatever replica: the prompt cache of a
 * provider is of use only there. A target that is away moves its own keys alone, and gets them back.
 */
export const sticky: Strategy = {
  name: 'Sticky',
  choose(candidates, asked) {
    const key = asked.affinity();
    const candidate: Candidate = least(candidates, ({ id, weight }) => -rendezvousScore(key, id, weight));
    return { candidate, why: 'sticky' };
  },
};
