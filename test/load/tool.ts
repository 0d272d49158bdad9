// Measures what a tools/call costs through /mcp: CPU of all services, latency beside the official client's direct call:
// make bench NAMES=tool
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Contestant, SallyportUnderLoad } from './contestants.ts';
import { loadOf, median, type Sample, sample, TOOL_CALL, type ToolJob } from './measuring.ts';
import type { Driver } from './processes.ts';
import type { Report } from './report.ts';

/** First bars of DESIGN section 9. */
const BARS = { cpuUs: 1_300, latency: 2 } as const;
/** Its budget in µs beside what the bare proxy took where it was set. */
const BUDGET = 800 / 45;
const CONNECTIONS = 16;
const MANY = 1_000_000;
/** A gateway runs for weeks: at 4,000 calls V8 still compiles, and a quarter of the time is its own. */
const WARM_REQUESTS = 20_000;

/** How long and how often. */
export interface ToolPlan {
  readonly warmMs: number;
  readonly pairs: number;
  readonly roundMs: number;
  /** Calls one after the other in a round of latency. */
  readonly sequential: number;
}

/** What is measured, and beside what. */
export interface ToolField {
  readonly driver: Driver;
  readonly sallyport: SallyportUnderLoad;
  /** A bare proxy in front of the mock. */
  readonly bare: Contestant;
  /** Origin of the mock, whose `/mcp` is the tool server. */
  readonly mock: string;
  /** Origin of the least chain that asks before a call and remembers after it. */
  readonly floor: string;
}

/** Measures both lines of MCP, and reports. */
export async function measureTool(field: ToolField, plan: ToolPlan, report: Report): Promise<void> {
  const broker = brokerOf(field.sallyport);
  await listed(broker);
  await cost(field, broker, 'tool', plan, report);
  await cost(field, broker, 'tool-2025', plan, report);
  await latency(field, broker, plan, report);
}

/** The suite as a contestant whose requests go to mcp-broker's own port. */
export function brokerOf(sallyport: SallyportUnderLoad): Contestant {
  return { ...sallyport, origin: `http://127.0.0.1:${sallyport.suite.ports['mcp-broker']?.http}` };
}

async function cost(field: ToolField, broker: Contestant, job: ToolJob, plan: ToolPlan, report: Report) {
  const { driver, bare } = field;
  const run = (one: Contestant, requests: number, ms: number) =>
    sample(driver, one, loadOf(one, job, { connections: CONNECTIONS, requests, ms }));
  for (const one of [broker, bare]) await run(one, WARM_REQUESTS, plan.warmMs);
  const ours: Sample[] = [];
  const floors: Sample[] = [];
  for (let pair = 0; pair < plan.pairs; pair++) {
    floors.push(await run(bare, MANY, plan.roundMs));
    ours.push(await run(broker, MANY, plan.roundMs));
  }
  const bad = [...ours, ...floors].find(({ result }) => result.bad > 0 || result.requests === 0);
  const floor = median(floors.map(({ cpuSum }) => cpuSum));
  const rate = median(ours.map(({ result }) => result.requests / result.seconds)).toFixed(0);
  const name = job.replace('tool-', 'tool.');
  report.add({
    name: `${name}.cpu`,
    value: bad ? Number.NaN : median(ours.map(({ cpuSum }) => cpuSum)),
    unit: 'us',
    ratio: median(ours.map(({ cpuSum }, pair) => cpuSum / (floors[pair] as Sample).cpuSum)),
    bar: BARS.cpuUs,
    budget: BUDGET,
    note: bad ? `NOT VALID: ${bad.result.why.replace(/\s+/g, ' ').slice(0, 160)}` : `${rate} calls/s`,
  });
  for (const group of Object.keys(ours[0]?.cpu ?? {})) {
    const value = median(ours.map(({ cpu }) => cpu[group] ?? 0));
    report.add({ name: `${name}.cpu.${group}`, value, unit: 'us', ratio: value / floor });
  }
  report.add({ name: `reference.bare.${name}`, value: floor, unit: 'us', ratio: 1 });
}

/** One call after the other by the official client: directly, through the gate, and through the least chain there could be, in turns. */
async function latency(field: ToolField, broker: Contestant, plan: ToolPlan, report: Report): Promise<void> {
  const { authorization = '' } = broker.headers;
  const direct = await clientOf(`${field.mock}/mcp`, {});
  const gated = await clientOf(`${broker.origin}/mcp`, { authorization });
  const least = await clientOf(`${field.floor}/mcp`, {});
  const once = async (client: Client, name: string) => {
    const times: number[] = [];
    for (let call = 0; call < plan.sequential; call++) {
      const began = performance.now();
      await client.callTool({ name, arguments: TOOL_CALL.arguments });
      times.push(performance.now() - began);
    }
    return median(times);
  };
  const rounds: { direct: number; gated: number; least: number; cpu: number }[] = [];
  for (let round = 0; round <= plan.pairs; round++) {
    const before = process.cpuUsage();
    const base = await once(direct, 'find');
    const used = process.cpuUsage(before);
    const cpu = (used.user + used.system) / plan.sequential;
    const through = await once(gated, TOOL_CALL.name);
    const floor = await once(least, 'find');
    // The first round warms up.
    if (round > 0) rounds.push({ direct: base, gated: through, least: floor, cpu });
  }
  await Promise.all([direct, gated, least].map((one) => one.close()));
  const ratio = median(rounds.map((one) => one.gated / one.direct));
  report.add({
    name: 'tool.latency-ratio',
    value: ratio,
    unit: 'x',
    ratio,
    bar: BARS.latency,
    note: `p50 ${median(rounds.map((one) => one.gated)).toFixed(2)} ms, directly ${median(rounds.map((one) => one.direct)).toFixed(2)} ms`,
  });
  report.add({
    name: 'reference.floor.tool.latency-ratio',
    value: median(rounds.map((one) => one.least)),
    unit: 'ms',
    ratio: median(rounds.map((one) => one.least / one.direct)),
    note: 'a bare proxy that asks another process before and after, with one row read and one on disk',
  });
  report.add({
    name: 'reference.sdk.tool',
    value: median(rounds.map((one) => one.cpu)),
    unit: 'us',
    note: 'CPU of the official client for one direct call',
  });
}

async function clientOf(url: string, headers: Record<string, string>): Promise<Client> {
  const client = new Client(
    { name: 'bench', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  return client;
}

/** The broker lists tool servers on its own time. */
export async function listed(broker: Contestant): Promise<void> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const headers = { ...broker.headers, 'mcp-protocol-version': '2025-11-25' };
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await fetch(`${broker.origin}/mcp`, { method: 'POST', headers, body });
    if ((await answer.text()).includes(`"${TOOL_CALL.name}"`)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('The tool server of the benchmark was not listed.');
}
