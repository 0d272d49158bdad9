import { least, type Strategy } from '../strategy.ts';

/** The one with the fewest calls under way in this replica, for its weight; equals by chance. */
export const leastBusy: Strategy = {
  name: 'LeastBusy',
  choose(candidates, { random }) {
    const busy = candidates.map(({ state, weight }) => (state.inFlight + 1) / Math.max(1, weight));
    const fewest = Math.min(...busy);
    const equal = candidates.filter((_, at) => busy[at] === fewest);
    const candidate = equal[Math.floor(random() * equal.length)] ?? least(candidates, ({ rank }) => rank);
    return { candidate, why: `least busy, ${candidate.state.inFlight} under way` };
  },
};
