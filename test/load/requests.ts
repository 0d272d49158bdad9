import type { Contestant, SallyportUnderLoad } from './contestants.ts';
import { partCores, shareCores } from './cores.ts';
import { type Job, loadOf, median, type Sample, sample } from './measuring.ts';
import type { Driver } from './processes.ts';
import type { Report } from './report.ts';

/** Connections at once. */
export const CONNECTIONS = 16;
const MANY = 1_000_000;
/**
 * A gateway runs for weeks: at 50,000 requests V8 still compiles, and a request takes a seventh more than it does from 90,000 on.
 * What comes before is not measured, of us and the bare proxy; the others, of whom it is told beside, warm up for one round.
 */
const WARM_REQUESTS = 100_000;
/** First bars of DESIGN section 9. */
const BARS = { chat: 300, stream: 400, firstToken99: 2 } as const;
/** Its budgets in µs beside what the bare proxy took where they were set. */
const BUDGETS = { chat: 150 / 45, stream: 220 / 55 } as const;

/** How long and how often. */
export interface RequestPlan {
  readonly warmMs: number;
  readonly pairs: number;
  readonly roundMs: number;
  /** In how many of the pairs the others take part. */
  readonly peers: number;
  /** Requests one after the other in a round of latency: of 300, the slowest hundredth would be three. */
  readonly tail: number;
}

/** Who is measured beside whom. */
export interface Field {
  readonly driver: Driver;
  readonly direct: Contestant;
  readonly bare: Contestant;
  readonly express: Contestant;
  readonly sallyport: SallyportUnderLoad;
  readonly portkey: Contestant | undefined;
  readonly litellm: Contestant | undefined;
}

/** CPU a request, in interleaved pairs; the others now and then between them. */
export async function measureCost(field: Field, plan: RequestPlan, job: Job, report: Report): Promise<void> {
  const { driver, bare, sallyport } = field;
  const peers = [field.direct, field.express, field.portkey].filter((one) => one !== undefined);
  const run = (one: Contestant, requests: number, ms: number) =>
    sample(driver, one, loadOf(one, job, { connections: CONNECTIONS, requests, ms }));
  for (const one of [sallyport, bare]) await run(one, WARM_REQUESTS, plan.warmMs);
  for (const one of peers) await run(one, WARM_REQUESTS, plan.roundMs);

  const samples = new Map<string, Sample[]>();
  const keep = async (one: Contestant) => {
    const taken = await run(one, MANY, plan.roundMs);
    samples.set(one.name, [...(samples.get(one.name) ?? []), taken]);
    return taken;
  };
  const ratios: number[] = [];
  for (let pair = 0; pair < plan.pairs; pair++) {
    const floor = await keep(bare);
    const ours = await keep(sallyport);
    ratios.push(ours.cpuSum / floor.cpuSum);
    if (pair < plan.peers) for (const one of peers) await keep(one);
  }
  // It costs so much that one round says enough; by now nothing else is under way.
  const slow = [field.litellm].filter((one) => one !== undefined);
  for (const one of slow) {
    await run(one, WARM_REQUESTS, plan.roundMs);
    await keep(one);
  }

  const ours = samples.get(sallyport.name) as Sample[];
  report.add({
    name: `${job}.cpu`,
    value: isValid(ours) ? median(ours.map(({ cpuSum }) => cpuSum)) : Number.NaN,
    unit: 'us',
    ratio: median(ratios),
    bar: BARS[job],
    budget: BUDGETS[job],
    note: `${rate(ours)}${faults(ours)}`,
  });
  const floor = median((samples.get(bare.name) as Sample[]).map(({ cpuSum }) => cpuSum));
  for (const group of Object.keys(ours[0]?.cpu ?? {})) {
    const value = median(ours.map(({ cpu }) => cpu[group] ?? 0));
    report.add({ name: `${job}.cpu.${group}`, value, unit: 'us', ratio: value / floor });
  }
  for (const one of [bare, ...peers, ...slow]) {
    const taken = samples.get(one.name) as Sample[];
    const value = isValid(taken) ? median(taken.map(({ cpuSum }) => cpuSum)) : Number.NaN;
    const note = `${rate(taken)}${faults(taken)}`;
    report.add({ name: `reference.${one.name}.${job}`, value, unit: 'us', ratio: value / floor, note });
  }
}

/**
 * What one request at a time waits longer for through a proxy than directly: on cores that are parted between its path and
 * what works beside it (see `partCores`), which is what the bar is for, and where all share them.
 */
export async function measureLatency(field: Field, plan: RequestPlan, job: Job, report: Report): Promise<void> {
  const { driver, direct, bare, sallyport } = field;
  const { 'model-proxy': proxy = [], ...beside } = sallyport.groups();
  const pids = (of: Contestant) => Object.values(of.groups()).flat();
  const idle = [field.express, field.portkey, field.litellm].filter((one) => one !== undefined);
  const cores = {
    path: [driver.pid, ...pids(direct), ...pids(bare), ...proxy],
    beside: [...Object.values(beside).flat(), ...idle.flatMap(pids)],
  };
  const fault = partCores(cores);
  if (fault !== undefined) report.say(`latency is that of shared cores: ${fault}`);
  tellLatency(await latencies(field, plan, job), job, '', report);
  if (fault !== undefined) return;
  shareCores(cores);
  tellLatency(await latencies(field, plan, job), job, '.shared-cores', report);
}

/** Milliseconds that one adds, a round each. */
interface Added {
  readonly p50: number[];
  readonly first99: number[];
}

async function latencies({ driver, direct, bare, sallyport }: Field, plan: RequestPlan, job: Job) {
  const added: { ours: Added; floor: Added } = { ours: { p50: [], first99: [] }, floor: { p50: [], first99: [] } };
  for (let round = 0; round < plan.pairs; round++) {
    const once = (one: Contestant) =>
      driver.drive(loadOf(one, job, { connections: 1, requests: plan.tail, ms: plan.roundMs }));
    const base = await once(direct);
    for (const [one, kept] of [[bare, added.floor] as const, [sallyport, added.ours] as const]) {
      const result = await once(one);
      kept.p50.push(result.p50 - base.p50);
      kept.first99.push(result.first99 - base.first99);
    }
  }
  return added;
}

function tellLatency({ ours, floor }: { ours: Added; floor: Added }, job: Job, where: string, report: Report): void {
  const key = job === 'chat' ? 'p50' : 'first99';
  const name = `${job === 'chat' ? 'chat.p50-added' : 'stream.first-token-added-p99'}${where}`;
  const value = median(ours[key]);
  const reference = median(floor[key]);
  const bar = key === 'first99' && where === '' ? { bar: BARS.firstToken99 } : {};
  report.add({ name, value, unit: 'ms', ratio: value / reference, ...bar });
  report.add({ name: `reference.bare.${name}`, value: reference, unit: 'ms', ratio: 1 });
}

function rate(samples: readonly Sample[]): string {
  return `${median(samples.map(({ result }) => result.requests / result.seconds)).toFixed(0)} requests/s`;
}

/** A figure of a gateway that does not answer is none. */
function isValid(samples: readonly Sample[]): boolean {
  return samples.every(({ result }) => result.bad === 0 && result.requests > 0);
}

function faults(samples: readonly Sample[]): string {
  const bad = samples.reduce((sum, { result }) => sum + result.bad, 0);
  if (bad === 0) return '';
  const why = samples.find(({ result }) => result.why !== '')?.result.why ?? '';
  return `; NOT VALID, ${bad} bad answers: ${why.replace(/\s+/g, ' ').slice(0, 160)}`;
}
