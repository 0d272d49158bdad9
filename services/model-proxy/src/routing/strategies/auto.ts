import { type Candidate, least, type Strategy, type Tier } from '../strategy.ts';

/** Where a tier has no target: a more able one first, then a less able one. */
const INSTEAD: Readonly<Record<Tier, readonly Tier[]>> = {
  Small: ['Small', 'Medium', 'Large'],
  Medium: ['Medium', 'Large', 'Small'],
  Large: ['Large', 'Medium', 'Small'],
};

/** The first target of the tier that the request wants, by its size, tools, attachments and wording. */
export const auto: Strategy = {
  name: 'Auto',
  choose(candidates, asked) {
    const { tier, score } = asked.tier();
    for (const one of INSTEAD[tier]) {
      const able = candidates.filter((candidate) => candidate.tier === one);
      if (able.length === 0) continue;
      return { candidate: least(able, ({ rank }) => rank), why: `auto ${one}, score ${score}` };
    }
    return { candidate: candidates[0] as Candidate, why: `auto, score ${score}` };
  },
};
