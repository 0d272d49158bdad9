import type { Strategy } from '../strategy.ts';
import { auto } from './auto.ts';
import { highestThroughput } from './highest-throughput.ts';
import { leastBusy } from './least-busy.ts';
import { lowestCost } from './lowest-cost.ts';
import { lowestLatency } from './lowest-latency.ts';
import { priority } from './priority.ts';
import { sticky } from './sticky.ts';
import { weighted } from './weighted.ts';

/** All strategies; a new one is a file and a line here. */
const list: readonly Strategy[] = [
  priority,
  weighted,
  leastBusy,
  lowestLatency,
  lowestCost,
  highestThroughput,
  sticky,
  auto,
];

const byName = new Map(list.map((one) => [one.name, one]));

/** A strategy by its name. */
export function strategyOf(name: Strategy['name']): Strategy {
  return byName.get(name) ?? priority;
}
