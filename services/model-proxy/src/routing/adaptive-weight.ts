import { type Asked, type Candidate, latencyOf } from './strategy.ts';

/**
 * The weights of candidates: as written, or following what is measured within the declared bounds. Each is held against the
 * mean of those that are known; what is not known changes nothing.
 */
export function weightsOf(candidates: readonly Candidate[], asked: Asked): number[] {
  const bounds = asked.weightBounds;
  if (bounds === undefined) return candidates.map(({ weight }) => weight);
  const factors = candidates.map(() => 1);
  const lean = (values: readonly (number | undefined)[]) => {
    const known = values.filter((value) => value !== undefined && value > 0) as number[];
    if (known.length === 0) return;
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    for (const [at, value] of values.entries()) {
      if (value !== undefined && value > 0) factors[at] = (factors[at] as number) * (mean / value);
    }
  };
  if (bounds.follow.includes('Cost')) lean(candidates.map((one) => asked.cost(one)));
  if (bounds.follow.includes('Latency')) lean(candidates.map((one) => latencyOf(one, asked)));
  if (bounds.follow.includes('Errors')) {
    for (const [at, { state }] of candidates.entries()) {
      factors[at] = (factors[at] as number) * (1 - state.errors.value()) ** 2;
    }
  }
  const { minPercent, maxPercent } = bounds;
  return candidates.map(
    ({ weight }, at) => weight * Math.min(maxPercent / 100, Math.max(minPercent / 100, factors[at] as number)),
  );
}
