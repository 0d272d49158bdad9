import { least, type Strategy } from '../strategy.ts';

/** The one at which the request is expected to cost least; unknown prices last, equals as written. */
export const lowestCost: Strategy = {
  name: 'LowestCost',
  choose(candidates, asked) {
    const candidate = least(candidates, (one) => asked.cost(one));
    const cost = asked.cost(candidate);
    return { candidate, why: cost === undefined ? 'cost unknown' : `cost ${(cost / 1e9).toFixed(6)} USD expected` };
  },
};
