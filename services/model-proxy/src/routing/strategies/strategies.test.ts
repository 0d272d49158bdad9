import { describe, expect, it } from '@jest/globals';
import type { Asked, Candidate } from '../strategy.ts';
import { askedBy, candidates, seeded } from '../testing.ts';
import { strategyOf } from './index.ts';

const DRAWS = 4_000;

/** Share of draws by provider. */
function shares(name: Parameters<typeof strategyOf>[0], among: readonly Candidate[], init: Partial<Asked> = {}) {
  const counts = new Map<string, number>();
  const random = seeded(7);
  for (let draw = 0; draw < DRAWS; draw++) {
    const asked = askedBy({ random, affinity: () => `run-${draw}`, ...init });
    const { name: chosen } = strategyOf(name).choose(among, asked).candidate.target.provider;
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].map(([provider, count]) => [provider, count / DRAWS]));
}
const chosen = (name: Parameters<typeof strategyOf>[0], among: readonly Candidate[], init: Partial<Asked> = {}) =>
  strategyOf(name).choose(among, askedBy(init));
const nameOf = ({ target }: Candidate) => target.provider.name;

describe('strategies', () => {
  it('[routing:priority] Priority takes the first as written', () => {
    const { candidate, why } = chosen('Priority', candidates({ a: {}, b: {} }));
    expect([nameOf(candidate), why]).toEqual(['a', 'priority 0']);
  });

  it.each([
    [
      { a: { weight: 1 }, b: { weight: 3 } },
      { a: 0.25, b: 0.75 },
    ],
    [
      { a: { weight: 70 }, b: { weight: 20 }, c: { weight: 10 } },
      { a: 0.7, b: 0.2, c: 0.1 },
    ],
    [{ a: { weight: 0 }, b: { weight: 5 } }, { b: 1 }],
  ])('[routing:weighted] Weighted and Sticky give %j their shares', (targets, wanted) => {
    for (const strategy of ['Weighted', 'Sticky'] as const) {
      const got = shares(strategy, candidates(targets));
      expect(Object.keys(got).sort()).toEqual(Object.keys(wanted));
      for (const [name, share] of Object.entries(wanted)) expect(Math.abs((got[name] ?? 0) - share)).toBeLessThan(0.03);
    }
  });

  it('[routing:adaptive-weights] weights follow errors, latency and cost within the declared bounds', () => {
    const among = candidates({ good: { weight: 1 }, bad: { weight: 1 } });
    for (let call = 0; call < 50; call++) among[1]?.state.errors.add(true);
    among[0]?.state.total.add(100, 0);
    among[1]?.state.total.add(10_000, 0);
    const follow = ['Errors', 'Latency'] as const;
    const bounded = shares('Weighted', among, { weightBounds: { minPercent: 50, maxPercent: 200, follow } });
    expect(bounded.bad).toBeGreaterThan(0.17);
    expect(bounded.bad).toBeLessThan(0.23);
    expect(shares('Weighted', among).bad).toBeGreaterThan(0.45);
    const dear = shares('Weighted', candidates({ cheap: {}, dear: {} }), {
      weightBounds: { minPercent: 1, maxPercent: 1000, follow: ['Cost'] },
      cost: ({ rank }) => (rank === 0 ? 100 : 300),
    });
    expect(dear.cheap).toBeGreaterThan(0.7);
  });

  it('[routing:least-busy] LeastBusy takes the one with the fewest calls under way, for its weight', () => {
    const among = candidates({ a: { weight: 1 }, b: { weight: 4 } });
    Object.assign(among[0]?.state ?? {}, { inFlight: 1 });
    Object.assign(among[1]?.state ?? {}, { inFlight: 2 });
    expect(nameOf(chosen('LeastBusy', among).candidate)).toBe('b');
    expect(Object.keys(shares('LeastBusy', candidates({ a: {}, b: {} })))).toHaveLength(2);
  });

  it('[routing:lowest-latency] LowestLatency takes the faster of two, streams by their first token, and explores', () => {
    const among = candidates({ fast: {}, slow: {}, slower: {} });
    for (const [at, ms] of [50, 200, 900].entries()) {
      among[at]?.state.firstToken.add(ms, 0);
      among[at]?.state.total.add(1_000 - ms, 0);
    }
    const streams = shares('LowestLatency', among, { stream: true });
    // The slowest never wins, the fastest wins whenever it is one of the two: two times of three.
    expect(streams.slower).toBeUndefined();
    expect(streams.fast).toBeGreaterThan(0.62);
    expect(shares('LowestLatency', among).slower).toBeGreaterThan(0.62);
    among.push(...candidates({ unknown: {} }));
    expect(shares('LowestLatency', among, { stream: true }).unknown).toBeGreaterThan(0.4);
    // What was measured a minute ago says nothing any more.
    expect(shares('LowestLatency', among.slice(0, 3), { stream: true, now: 61_000 }).slower).toBeGreaterThan(0.2);
  });

  it('[routing:lowest-cost] LowestCost takes the cheapest for this request; an unknown price comes last', () => {
    const cost = ({ rank }: Candidate) => [undefined, 300, 200][rank];
    const { candidate, why } = chosen('LowestCost', candidates({ unknown: {}, dear: {}, cheap: {} }), { cost });
    expect([nameOf(candidate), why]).toEqual(['cheap', 'cost 0.000000 USD expected']);
  });

  it('[routing:throughput] HighestThroughput takes the one with most tokens a second', () => {
    const among = candidates({ a: {}, b: {} });
    among[0]?.state.speed.add(20, 0);
    among[1]?.state.speed.add(80, 0);
    expect(nameOf(chosen('HighestThroughput', among).candidate)).toBe('b');
  });

  it('[routing:sticky] a run keeps its target on any replica; a target that goes moves its own runs alone', () => {
    const here = candidates({ a: {}, b: {}, c: {} });
    const there = candidates({ c: {}, a: {}, b: {} });
    let moved = 0;
    for (let run = 0; run < 500; run++) {
      const affinity = () => `run-${run}`;
      const one = nameOf(chosen('Sticky', here, { affinity }).candidate);
      expect(nameOf(chosen('Sticky', there, { affinity }).candidate)).toBe(one);
      const left = here.filter((candidate) => nameOf(candidate) !== 'b');
      const after = nameOf(chosen('Sticky', left, { affinity }).candidate);
      if (one !== 'b') expect(after).toBe(one);
      else moved++;
    }
    expect(moved).toBeGreaterThan(100);
  });

  it.each([
    ['Small', 'small'],
    ['Medium', 'medium'],
    ['Large', 'large'],
  ] as const)('[routing:auto] Auto takes a target of the tier that a request wants: %s', (tier, name) => {
    const among = candidates({ large: { tier: 'Large' }, small: { tier: 'Small' }, medium: { tier: 'Medium' } });
    expect(nameOf(chosen('Auto', among, { tier: () => ({ tier, score: 1 }) }).candidate)).toBe(name);
    const without = among.filter((one) => one.tier !== 'Medium');
    if (tier === 'Medium') expect(nameOf(chosen('Auto', without).candidate)).toBe('large');
  });
});
