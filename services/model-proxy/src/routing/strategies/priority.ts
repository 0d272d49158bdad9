import { type Candidate, least, type Strategy } from '../strategy.ts';

/** The first as written. */
export const priority: Strategy = {
  name: 'Priority',
  choose(candidates) {
    const candidate: Candidate = least(candidates, ({ rank }) => rank);
    return { candidate, why: `priority ${candidate.priority}` };
  },
};
