// Measures what a request costs through Sallyport: CPU, added latency, memory; beside a bare proxy, Portkey and LiteLLM, in
// interleaved pairs. Run: node test/load/bench.ts [--quick] [--strict] [--only auth|chat|stream|tool|revocation]
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureAuth } from './auth.ts';
import {
  type Contestant,
  type SallyportUnderLoad,
  single,
  startLiteLlm,
  startPortkey,
  startSallyport,
} from './contestants.ts';
import { measureDecision } from './decision.ts';
import { type Job, loadOf, median, type Sample, sample } from './measuring.ts';
import { type Driver, memoryOf, startDriver, startScript } from './processes.ts';
import { measureProvenance } from './provenance.ts';
import { createReport, type Report } from './report.ts';
import { measureRevocation } from './revocation.ts';
import { measureTool } from './tool.ts';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, strict: { type: 'boolean' }, only: { type: 'string' } },
});
const PLAN = options.quick
  ? { warmMs: 3_000, pairs: 3, roundMs: 1_000, peers: 1, sequential: 60, wholeMs: 140_000 }
  : { warmMs: 10_000, pairs: 7, roundMs: 4_000, peers: 3, sequential: 300, wholeMs: 900_000 };
const CONNECTIONS = 16;
const MANY = 1_000_000;
/** By then the code is compiled; what comes before is not measured. */
const WARM_REQUESTS = 8_000;
/** First bars of DESIGN section 9. */
const BARS = { chat: 300, stream: 400, firstToken99: 2, memoryMb: 256 } as const;
const JOBS = (['chat', 'stream'] as const).filter((job) => options.only === undefined || options.only === job);

interface Field {
  readonly driver: Driver;
  readonly direct: Contestant;
  readonly bare: Contestant;
  readonly express: Contestant;
  readonly sallyport: SallyportUnderLoad;
  readonly portkey: Contestant | undefined;
  readonly litellm: Contestant | undefined;
}

const report = createReport();
const began = Date.now();
const stops: (() => Promise<void>)[] = [];
let stopping: Promise<void> | undefined;
const stopAll = () => {
  stopping ??= (async () => {
    for (const stop of stops.splice(0).reverse()) await stop().catch((error: unknown) => report.say(String(error)));
  })();
  return stopping;
};
const write = () => report.write({ quick: options.quick === true, seconds: (Date.now() - began) / 1000 });
process.once('SIGINT', () => void stopAll().then(() => process.exit(130)));
process.once('SIGTERM', () => void stopAll().then(() => process.exit(143)));
setTimeout(() => {
  report.say(`not finished after ${PLAN.wholeMs / 1000} s`);
  write();
  void stopAll().then(() => process.exit(1));
}, PLAN.wholeMs).unref();

try {
  const [load = 0] = loadavg();
  if (load > cpus().length / 2) {
    report.say(
      `others are at work here (load ${load.toFixed(1)}): CPU and latency come out higher, ratios hold better`,
    );
  }
  if (options.only === undefined) report.add(await measureDecision());
  if (options.only === undefined) report.add(measureProvenance());
  if (options.only === undefined || options.only === 'auth') {
    for (const measure of await measureAuth()) report.add(measure);
  }
  if (options.only === undefined || options.only === 'revocation') report.add(await measureRevocation());
  const field = await start();
  for (const job of JOBS) {
    await cost(field, job, report);
    await latency(field, job, report);
  }
  if (options.only === undefined || options.only === 'tool') {
    await measureTool({ ...field, mock: field.direct.origin }, PLAN, report);
  }
  const memory = memoryOf(field.sallyport.pidOf('model-proxy'));
  report.add({
    name: 'memory.rss',
    value: memory.now,
    unit: 'MB',
    bar: BARS.memoryMb,
    note: `model-proxy, highest ${memory.peak.toFixed(0)}`,
  });
  write();
} finally {
  await stopAll();
}
const short = report.short();
if (short.length > 0) report.say(`short: ${short.join(', ')}`);
process.exit(options.strict && short.length > 0 ? 1 : 0);

async function start(): Promise<Field> {
  const script = async (...args: [string, ...string[]]) => {
    const started = await startScript(...args);
    stops.push(started.stop);
    return started;
  };
  const mock = await script('./mock.ts');
  const bare = await script('./bare-proxy.ts', mock.origin);
  const express = await script('./bare-express.ts', mock.origin);
  const driver = startDriver();
  stops.push(driver.stop);
  const sallyport = await startSallyport(mock.origin);
  stops.push(sallyport.stop);
  const portkey = await startPortkey(mock.origin, !options.quick);
  if (typeof portkey === 'string') report.say(`portkey skipped: ${portkey}`);
  else stops.push(portkey.stop);
  const litellm = options.quick ? 'not started in a quick run' : await startLiteLlm(mock.origin);
  if (typeof litellm === 'string') report.say(`litellm skipped: ${litellm}`);
  else stops.push(litellm.stop);
  report.say(
    `${CONNECTIONS} connections, ${PLAN.pairs} pairs of ${PLAN.roundMs / 1000} s; authentication, access, limits, records, metrics and mTLS on, tracing 1 %`,
  );
  return {
    driver,
    direct: single('mock', mock),
    bare: single('bare', bare),
    express: single('express', express),
    sallyport,
    portkey: typeof portkey === 'string' ? undefined : portkey,
    litellm: typeof litellm === 'string' ? undefined : litellm,
  };
}

/** CPU a request, in interleaved pairs; the others now and then between them. */
async function cost(field: Field, job: Job, report: Report): Promise<void> {
  const { driver, bare, sallyport } = field;
  const peers = [field.direct, field.express, field.portkey].filter((one) => one !== undefined);
  const run = (one: Contestant, requests: number, ms: number) =>
    sample(driver, one, loadOf(one, job, { connections: CONNECTIONS, requests, ms }));
  for (const one of [sallyport, bare]) await run(one, WARM_REQUESTS, PLAN.warmMs);
  for (const one of peers) await run(one, WARM_REQUESTS, PLAN.roundMs);

  const samples = new Map<string, Sample[]>();
  const keep = async (one: Contestant) => {
    const taken = await run(one, MANY, PLAN.roundMs);
    samples.set(one.name, [...(samples.get(one.name) ?? []), taken]);
    return taken;
  };
  const ratios: number[] = [];
  for (let pair = 0; pair < PLAN.pairs; pair++) {
    const floor = await keep(bare);
    const ours = await keep(sallyport);
    ratios.push(ours.cpuSum / floor.cpuSum);
    if (pair < PLAN.peers) for (const one of peers) await keep(one);
  }
  // It costs so much that one round says enough; by now nothing else is under way.
  const slow = [field.litellm].filter((one) => one !== undefined);
  for (const one of slow) {
    await run(one, WARM_REQUESTS, PLAN.roundMs);
    await keep(one);
  }

  const ours = samples.get(sallyport.name) as Sample[];
  report.add({
    name: `${job}.cpu`,
    value: isValid(ours) ? median(ours.map(({ cpuSum }) => cpuSum)) : Number.NaN,
    unit: 'us',
    ratio: median(ratios),
    bar: BARS[job],
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

/** What one request at a time waits longer for through a proxy than directly. */
async function latency(field: Field, job: Job, report: Report): Promise<void> {
  const { driver, direct, bare, sallyport } = field;
  const ours = { p50: [] as number[], first99: [] as number[] };
  const floor = { p50: [] as number[], first99: [] as number[] };
  for (let round = 0; round < PLAN.pairs; round++) {
    const once = (one: Contestant) =>
      driver.drive(loadOf(one, job, { connections: 1, requests: PLAN.sequential, ms: PLAN.roundMs }));
    const base = await once(direct);
    for (const [one, kept] of [[bare, floor] as const, [sallyport, ours] as const]) {
      const result = await once(one);
      kept.p50.push(result.p50 - base.p50);
      kept.first99.push(result.first99 - base.first99);
    }
  }
  const tell = (name: string, key: 'p50' | 'first99', bar?: number) => {
    const value = median(ours[key]);
    const reference = median(floor[key]);
    report.add({ name, value, unit: 'ms', ratio: value / reference, ...(bar === undefined ? {} : { bar }) });
    report.add({ name: `reference.bare.${name}`, value: reference, unit: 'ms', ratio: 1 });
  };
  if (job === 'chat') tell('chat.p50-added', 'p50');
  else tell('stream.first-token-added-p99', 'first99', BARS.firstToken99);
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
