// Measures the tool plane at scale: lists of 200 servers with 20 tools each, one down and one slow; and 100 clients at once
// beside the same calls without a gate: make bench NAMES=scale
import type { Contestant, SallyportUnderLoad } from './contestants.ts';
import { loadOf, median } from './measuring.ts';
import type { Driver } from './processes.ts';
import type { Report } from './report.ts';
import { brokerOf, listed } from './tool.ts';

const SERVERS = 200;
const TOOLS = 20;
const CLIENTS = 100;
/** Of issue 7: 99 of 100 warm lists take at most so many milliseconds. */
const LIST_BAR_MS = 50;
const SLOW_MS = 5_000;
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';
const LISTED_MS = 180_000;

/** How long and how often. */
export interface ScalePlan {
  readonly lists: number;
  readonly rounds: number;
  readonly roundMs: number;
}

/** The servers of the large list, as a file of resources. */
export function manyServers(): Record<string, string> {
  const doc = (index: number) => {
    const slow = index === 1 ? `/slow=${SLOW_MS}` : '';
    const origin = index === 0 ? NOWHERE : `\${mock.url}`;
    return `apiVersion: sallyport.dev/v1alpha1
kind: ToolServer
metadata: { name: scale-${index} }
spec:
  remote: { url: "${origin}/mcp/tools=${TOOLS}${slow}" }
  allowPrivateNetwork: true
  defaultClass: Read
`;
  };
  const access = `apiVersion: sallyport.dev/v1alpha1
kind: AccessPolicy
metadata: { name: scale }
spec: { subjects: { everyone: true }, tools: ["*/*"] }
`;
  return { 'scale.yaml': [access, ...Array.from({ length: SERVERS }, (_, index) => doc(index))].join('---\n') };
}

/** Lists all tools, warm, one page after the other, and reports how long a `tools/list` takes. The suite has `manyServers` among its resources. */
export async function measureList(sallyport: SallyportUnderLoad, plan: ScalePlan, report: Report): Promise<void> {
  const broker = brokerOf(sallyport);
  // The one that is down has no tools to list, and the slow one has them when it has answered once.
  const expected = (SERVERS - 2) * TOOLS;
  const until = Date.now() + LISTED_MS;
  let found = 0;
  while (found < expected) {
    if (Date.now() > until) throw new Error(`Only ${found} of ${expected} tools were listed.`);
    found = (await listOnce(broker)).tools;
  }
  const times: number[] = [];
  const wholes: number[] = [];
  for (let list = 0; list < plan.lists; list++) {
    const { pages } = await listOnce(broker);
    times.push(...pages);
    wholes.push(pages.reduce((sum, ms) => sum + ms, 0));
  }
  times.sort((a, b) => a - b);
  wholes.sort((a, b) => a - b);
  report.add({
    name: 'tool.list-p99',
    value: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
    unit: 'ms',
    bar: LIST_BAR_MS,
    note: `${SERVERS} servers of ${TOOLS} tools, one down, one slow; a page: p50 ${median(times).toFixed(1)} ms; all ${found} tools: p50 ${median(wholes).toFixed(0)} ms, p99 ${(wholes[Math.floor(wholes.length * 0.99)] ?? Number.NaN).toFixed(0)} ms`,
  });
}

/** A hundred clients at once by revision 2026-07-28, through the gate and without one, in turns; reports how long a call takes. */
export async function measureCrowd(
  field: { readonly driver: Driver; readonly sallyport: SallyportUnderLoad; readonly direct: Contestant },
  plan: ScalePlan,
  report: Report,
): Promise<void> {
  const broker = brokerOf(field.sallyport);
  await listed(broker);
  const run = (one: Contestant) =>
    field.driver.drive(loadOf(one, 'tool', { connections: CLIENTS, requests: 1_000_000, ms: plan.roundMs }));
  for (const one of [broker, field.direct]) await run(one);
  const gated: Awaited<ReturnType<typeof run>>[] = [];
  const direct: typeof gated = [];
  for (let round = 0; round < plan.rounds; round++) {
    direct.push(await run(field.direct));
    gated.push(await run(broker));
  }
  const bad = gated.find((one) => one.bad > 0 || one.requests === 0);
  const rate = (taken: typeof gated) => median(taken.map((one) => one.requests / one.seconds)).toFixed(0);
  for (const share of ['p50', 'p99'] as const) {
    const of = (taken: typeof gated) => median(taken.map((one) => one[share]));
    report.add({
      name: `tool.crowd-${share}`,
      value: bad === undefined ? of(gated) : Number.NaN,
      unit: 'ms',
      ratio: of(gated) / of(direct),
      note:
        bad === undefined
          ? `${CLIENTS} clients, ${rate(gated)} calls/s; directly ${of(direct).toFixed(1)} ms, ${rate(direct)} calls/s`
          : `NOT VALID, ${bad.bad} bad answers: ${bad.why.replace(/\s+/g, ' ').slice(0, 160)}`,
    });
  }
}

/** Lists everything: how many tools there are, and how long each page took. */
async function listOnce({
  origin,
  headers,
}: Contestant): Promise<{ readonly pages: number[]; readonly tools: number }> {
  const pages: number[] = [];
  let [tools, cursor]: [number, string | undefined] = [0, undefined];
  do {
    const began = performance.now();
    const params: object = cursor === undefined ? {} : { cursor };
    const answer = await fetch(`${origin}/mcp`, {
      method: 'POST',
      headers: { ...headers, 'mcp-protocol-version': '2025-11-25' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params }),
    });
    const { result } = (await answer.json()) as { result?: { tools: unknown[]; nextCursor?: string } };
    pages.push(performance.now() - began);
    tools += result?.tools.length ?? 0;
    cursor = result?.nextCursor;
  } while (cursor !== undefined);
  return { pages, tools };
}
