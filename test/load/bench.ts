// Measures what a request costs through Sallyport: CPU, added latency, memory; beside a bare proxy, Portkey and LiteLLM, in
// interleaved pairs. Run: node test/load/bench.ts [--quick] [--strict] [name …]; without names everything, which takes most of an hour.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureAuth } from './auth.ts';
import { fillCompileCache, single, startLiteLlm, startPortkey } from './contestants.ts';
import { measureDecision } from './decision.ts';
import { largeHouse, measureGrowth } from './growth.ts';
import type { Job } from './measuring.ts';
import { measureMemory } from './memory.ts';
import { memoryOf } from './processes.ts';
import { measureProvenance } from './provenance.ts';
import { createReport } from './report.ts';
import { CONNECTIONS, type Field, measureCost, measureLatency } from './requests.ts';
import { measureRevocation } from './revocation.ts';
import { createStage, type Stage } from './stage.ts';
import { measureTool } from './tool.ts';
import { manyServers, measureCrowd, measureList } from './tool-scale.ts';
import { measureTranslate } from './translate.ts';

const NAMES = [
  'decision',
  'provenance',
  'auth',
  'revocation',
  'chat',
  'stream',
  'tool',
  'scale',
  'translate',
  'growth',
  'memory',
] as const;
type Name = (typeof NAMES)[number];

const { values: options, positionals } = parseArgs({
  options: { quick: { type: 'boolean' }, strict: { type: 'boolean' } },
  allowPositionals: true,
});
for (const name of positionals) {
  if ((NAMES as readonly string[]).includes(name)) continue;
  process.stderr.write(`There is no measure ${name}. There are: ${NAMES.join(', ')}\n`);
  process.exit(2);
}
const chosen = NAMES.filter((name) => positionals.length === 0 || positionals.includes(name));
const PLAN = options.quick
  ? { warmMs: 3_000, pairs: 3, roundMs: 1_000, peers: 1, sequential: 60, tail: 60 }
  : { warmMs: 25_000, pairs: 7, roundMs: 4_000, peers: 3, sequential: 300, tail: 1_000 };
const SCALE = { lists: options.quick ? 20 : 200, rounds: PLAN.pairs, roundMs: PLAN.roundMs };
const MEMORY = options.quick ? { few: 10_000, many: 100_000 } : { few: 100_000, many: 1_000_000 };
/** Longest that one measure may take on a slow machine: a million requests take half an hour. */
const MEASURE_MS = options.quick ? 300_000 : 2_700_000;
/** Those for which the suite is started. */
const UNDER_LOAD: ReadonlySet<Name> = new Set(['chat', 'stream', 'tool', 'scale', 'translate', 'growth', 'memory']);
/** Bar of DESIGN section 9. */
const MEMORY_MB = 256;

const report = createReport();
const began = Date.now();
let stage = createStage(report.say);
const write = () =>
  report.write({ quick: options.quick === true, names: chosen, seconds: (Date.now() - began) / 1000 });
const endBy = (code: number) => void stage.clear().then(() => process.exit(code));
process.once('SIGINT', () => endBy(130));
process.once('SIGTERM', () => endBy(143));

const [load = 0] = loadavg();
if (load > cpus().length / 2) {
  report.say(`others are at work here (load ${load.toFixed(1)}): CPU and latency come out higher, ratios hold better`);
}
const jobs = chosen.filter((name): name is Job | 'tool' => ['chat', 'stream', 'tool'].includes(name));
const MEASURES: Readonly<Record<Exclude<Name, Job | 'tool'> | 'requests', (on: Stage) => Promise<void>>> = {
  decision: async () => report.add(await measureDecision()),
  provenance: async () => report.add(measureProvenance()),
  auth: async () => {
    for (const measure of await measureAuth()) report.add(measure);
  },
  revocation: async () => report.add(await measureRevocation()),
  requests: measureRequests,
  translate: async (on) => measureTranslate(await underLoad(on), PLAN, report),
  growth: async (on) => {
    const { mock, driver, sallyport: small } = await underLoad(on);
    await measureGrowth({ driver, small, large: await on.sallyport(mock, largeHouse()) }, PLAN, report);
  },
  scale: async (on) => {
    const mock = await on.script('./mock.ts');
    const sallyport = await on.sallyport(mock.origin, manyServers());
    await measureList(sallyport, SCALE, report);
    await measureCrowd({ driver: on.driver(), sallyport, direct: single('mock', mock) }, SCALE, report);
  },
  memory: async (on) => measureMemory(await underLoad(on), MEMORY, report),
};
if (chosen.some((name) => UNDER_LOAD.has(name))) await fillCompileCache();
for (const [name, measure] of Object.entries(MEASURES)) {
  if (name === 'requests' ? jobs.length === 0 : !(chosen as readonly string[]).includes(name)) continue;
  stage = createStage(report.say);
  const late = setTimeout(() => {
    report.say(`${name} has not finished after ${MEASURE_MS / 1000} s`);
    write();
    endBy(1);
  }, MEASURE_MS);
  try {
    await measure(stage);
  } finally {
    clearTimeout(late);
    await stage.clear();
  }
  // Each time: a run that is broken off keeps what it has.
  write();
}
const short = report.short();
if (short.length > 0) report.say(`short: ${short.join(', ')}`);
process.exit(options.strict && short.length > 0 ? 1 : 0);

async function underLoad(on: Stage) {
  const { origin } = await on.script('./mock.ts');
  return { mock: origin, sallyport: await on.sallyport(origin), driver: on.driver() };
}

/** Chats, streams and calls of tools on one field, and what model-proxy holds after them. */
async function measureRequests(on: Stage): Promise<void> {
  const field = await startField(on);
  for (const job of jobs) {
    if (job === 'tool') {
      const mock = field.direct.origin;
      const asked = await on.script('./floor-asked.ts', field.sallyport.suite.postgres.adminUrl);
      const floor = await on.script('./floor-proxy.ts', mock, asked.origin);
      await measureTool({ ...field, mock, floor: floor.origin }, PLAN, report);
      continue;
    }
    await measureCost(field, PLAN, job, report);
    await measureLatency(field, PLAN, job, report);
  }
  const memory = memoryOf(field.sallyport.pidOf('model-proxy'));
  report.add({
    name: 'memory.rss',
    value: memory.now,
    unit: 'MB',
    bar: MEMORY_MB,
    note: `model-proxy, highest ${memory.peak.toFixed(0)}`,
  });
}

async function startField(on: Stage): Promise<Field> {
  const mock = await on.script('./mock.ts');
  const bare = await on.script('./bare-proxy.ts', mock.origin);
  const express = await on.script('./bare-express.ts', mock.origin);
  const driver = on.driver();
  const sallyport = await on.sallyport(mock.origin);
  // They have no part in a tools/call.
  const peers = jobs.some((job) => job !== 'tool');
  const portkey = peers ? await startPortkey(mock.origin, !options.quick) : 'not asked for';
  if (typeof portkey === 'string') report.say(`portkey skipped: ${portkey}`);
  const litellm = peers && !options.quick ? await startLiteLlm(mock.origin) : 'not started in a quick run or for tools';
  if (typeof litellm === 'string') report.say(`litellm skipped: ${litellm}`);
  report.say(
    `${CONNECTIONS} connections, ${PLAN.pairs} pairs of ${PLAN.roundMs / 1000} s; authentication, access, limits, records, metrics and mTLS on, tracing 1 %`,
  );
  return {
    driver,
    direct: single('mock', mock),
    bare: single('bare', bare),
    express: single('express', express),
    sallyport,
    portkey: typeof portkey === 'string' ? undefined : on.keep(portkey),
    litellm: typeof litellm === 'string' ? undefined : on.keep(litellm),
  };
}
