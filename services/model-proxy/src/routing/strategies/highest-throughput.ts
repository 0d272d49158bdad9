import { least, type Strategy } from '../strategy.ts';

/** The one that gave most output tokens a second of late; one of which nothing is known is tried first. */
export const highestThroughput: Strategy = {
  name: 'HighestThroughput',
  choose(candidates, { now }) {
    const candidate = least(candidates, ({ state }) => -(state.speed.value(now) ?? Number.MAX_VALUE));
    const speed = candidate.state.speed.value(now);
    return { candidate, why: speed === undefined ? 'throughput unknown' : `throughput ${Math.round(speed)} tokens/s` };
  },
};
