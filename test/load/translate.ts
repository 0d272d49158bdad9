// Measures what it costs when client and provider speak different dialects, beside the same dialect: make bench NAMES=translate
import type { Contestant } from './contestants.ts';
import { type Crossing, crossingLoad, type Job, loadOf, median, type Sample, sample } from './measuring.ts';
import type { Driver } from './processes.ts';
import type { Report } from './report.ts';

/** First bar and budget of DESIGN section 9: cross-dialect against same-dialect. */
const BAR = 1.5;
const BUDGET = 1.3;
const CONNECTIONS = 16;
const MANY = 1_000_000;
/** Of each crossing by itself: it is code that the one before did not run. */
const WARM_REQUESTS = 40_000;
/** Which crossing is held against which same-dialect run. */
const CROSSINGS: readonly { name: string; of: Crossing; beside: 'plain' | Crossing }[] = [
  { name: 'openai-to-anthropic', of: 'openai-anthropic', beside: 'plain' },
  { name: 'anthropic-to-openai', of: 'anthropic-openai', beside: 'anthropic-anthropic' },
];

/** How long and how often. */
export interface TranslatePlan {
  readonly warmMs: number;
  readonly pairs: number;
  readonly roundMs: number;
}

/** Measures whole answers and streams, and reports the median ratio of interleaved pairs. */
export async function measureTranslate(
  field: { readonly driver: Driver; readonly sallyport: Contestant },
  plan: TranslatePlan,
  report: Report,
): Promise<void> {
  const { driver, sallyport } = field;
  for (const job of ['chat', 'stream'] as const) {
    for (const { name, of, beside } of CROSSINGS) {
      const run = (crossing: 'plain' | Crossing, requests: number, ms: number) =>
        sample(driver, sallyport, load(sallyport, job, crossing, requests, ms));
      for (const one of [beside, of]) await run(one, WARM_REQUESTS, plan.warmMs);
      const same: Sample[] = [];
      const across: Sample[] = [];
      for (let pair = 0; pair < plan.pairs; pair++) {
        same.push(await run(beside, MANY, plan.roundMs));
        across.push(await run(of, MANY, plan.roundMs));
      }
      const bad = [...same, ...across].find(({ result }) => result.bad > 0 || result.requests === 0);
      const ratio = median(across.map(({ cpuSum }, pair) => cpuSum / (same[pair] as Sample).cpuSum));
      const micros = (taken: readonly Sample[]) => median(taken.map(({ cpuSum }) => cpuSum)).toFixed(0);
      report.add({
        name: `translate.${job}.${name}`,
        value: bad ? Number.NaN : ratio,
        unit: 'x',
        ratio,
        bar: BAR,
        budget: BUDGET,
        note: bad
          ? `NOT VALID: ${bad.result.why.replace(/\s+/g, ' ').slice(0, 160)}`
          : `${micros(across)} us, in one dialect ${micros(same)} us`,
      });
    }
  }
}

function load(one: Contestant, job: Job, crossing: 'plain' | Crossing, requests: number, ms: number) {
  const bounds = { connections: CONNECTIONS, requests, ms };
  return crossing === 'plain' ? loadOf(one, job, bounds) : crossingLoad(one, job, crossing, bounds);
}
