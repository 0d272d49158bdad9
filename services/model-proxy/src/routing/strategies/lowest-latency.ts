import { type Asked, type Candidate, type Choice, latencyOf, type Strategy } from '../strategy.ts';

/** How much a target that fails is held to be slower than it is. */
const FAILURE_COST = 4;

/**
 * The faster of two by chance: what it took of late to the first token of a stream, or to the end of another answer, times
 * the calls under way. Two by chance and not the best of all, so that replicas do not run to one target together. A target
 * of which nothing is known is tried first.
 */
export const lowestLatency: Strategy = {
  name: 'LowestLatency',
  choose(candidates, asked): Choice {
    const first = pick(candidates, asked);
    const others = candidates.filter((one) => one !== first);
    if (others.length === 0) return { candidate: first, why: `latency ${said(first, asked)}` };
    const second = pick(others, asked);
    const [winner, loser] = score(second, asked) < score(first, asked) ? [second, first] : [first, second];
    return { candidate: winner, why: `latency ${said(winner, asked)} against ${said(loser, asked)}` };
  },
};

function pick(candidates: readonly Candidate[], { random }: Asked): Candidate {
  return candidates[Math.min(candidates.length - 1, Math.floor(random() * candidates.length))] as Candidate;
}

function score(candidate: Candidate, asked: Asked): number {
  const { state } = candidate;
  return (latencyOf(candidate, asked) ?? 0) * (state.inFlight + 1) * (1 + FAILURE_COST * state.errors.value());
}

function said(candidate: Candidate, asked: Asked): string {
  const ms = latencyOf(candidate, asked);
  return ms === undefined ? 'unknown' : `${Math.round(ms)} ms`;
}
