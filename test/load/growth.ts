// Measures what many keys, tools and policies cost a request, beside few: make bench NAMES=growth
import { setTimeout as pause } from 'node:timers/promises';
import type { SallyportUnderLoad } from './contestants.ts';
import { type Job, loadOf, median, type Sample, sample, type ToolJob } from './measuring.ts';
import { cpuSeconds, type Driver } from './processes.ts';
import type { Report } from './report.ts';
import { brokerOf, listed } from './tool.ts';

/** First bar and budget of DESIGN section 9. */
const BAR = 1.5;
const BUDGET = 1.2;
const CONNECTIONS = 16;
const MANY = 1_000_000;
const WARM_REQUESTS = 4_000;
/** What the large house has beside what both have. A server of the mock has one tool of each name. */
const LARGE = { keys: 10_000, servers: 50, toolsOfServer: 20, accessPolicies: 500, toolPolicies: 500 } as const;

/** A suite that does nothing takes less than this share of one core. */
const IDLE_SHARE = 0.2;
const LOOK_MS = 2_000;
const REST_MS = 120_000;

/** How long and how often. */
export interface GrowthPlan {
  readonly warmMs: number;
  readonly pairs: number;
  readonly roundMs: number;
}

/** Measures a chat and a tools/call in both houses, in interleaved pairs, and reports. */
export async function measureGrowth(
  field: { readonly driver: Driver; readonly small: SallyportUnderLoad; readonly large: SallyportUnderLoad },
  plan: GrowthPlan,
  report: Report,
): Promise<void> {
  const { driver, small, large } = field;
  for (const one of [small, large]) await atRest(one);
  for (const job of ['chat', 'tool'] as const) {
    const [few, many] = job === 'chat' ? [small, large] : [brokerOf(small), brokerOf(large)];
    if (job === 'tool') for (const one of [few, many]) await listed(one);
    const run = (one: typeof few, requests: number, ms: number) =>
      sample(driver, one, loadOf(one, job as Job | ToolJob, { connections: CONNECTIONS, requests, ms }));
    for (const one of [few, many]) await run(one, WARM_REQUESTS, plan.warmMs);
    const [ofFew, ofMany]: [Sample[], Sample[]] = [[], []];
    for (let pair = 0; pair < plan.pairs; pair++) {
      ofFew.push(await run(few, MANY, plan.roundMs));
      ofMany.push(await run(many, MANY, plan.roundMs));
    }
    const bad = [...ofFew, ...ofMany].find(({ result }) => result.bad > 0 || result.requests === 0);
    const ratio = median(ofMany.map(({ cpuSum }, pair) => cpuSum / (ofFew[pair] as Sample).cpuSum));
    const micros = (taken: readonly Sample[]) => median(taken.map(({ cpuSum }) => cpuSum)).toFixed(0);
    const tools = LARGE.servers * LARGE.toolsOfServer;
    const policies = LARGE.accessPolicies + LARGE.toolPolicies;
    report.add({
      name: `growth.${job}`,
      value: bad ? Number.NaN : ratio,
      unit: 'x',
      ratio,
      bar: BAR,
      budget: BUDGET,
      note: bad
        ? `NOT VALID: ${bad.result.why.replace(/\s+/g, ' ').slice(0, 160)}`
        : `${micros(ofMany)} us with ${LARGE.keys} keys, ${tools} tools, ${policies} policies; ${micros(ofFew)} with few`,
    });
  }
}

/** Resolves when a house has taken in its resources: what that costs is no part of a request. */
async function atRest(house: SallyportUnderLoad): Promise<void> {
  const used = () => cpuSeconds(Object.values(house.groups()).flat());
  const until = Date.now() + REST_MS;
  for (let before = used(); Date.now() < until; before = used()) {
    await pause(LOOK_MS);
    if (used() - before < (IDLE_SHARE * LOOK_MS) / 1000) return;
  }
  throw new Error('The suite did not come to rest.');
}

/** The resources of the large house, as files. 20 of its policies are for the tool that is called. */
export function largeHouse(): Record<string, string> {
  const docs = (count: number, doc: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => doc(index)).join('---\n');
  return {
    'keys.yaml': docs(LARGE.keys, keyDoc),
    'servers.yaml': docs(LARGE.servers, serverDoc),
    'access.yaml': docs(LARGE.accessPolicies, accessDoc),
    'policies.yaml': docs(LARGE.toolPolicies, policyDoc),
  };
}

const HEAD = 'apiVersion: sallyport.dev/v1alpha1\n';

function keyDoc(index: number): string {
  const name = `many-${index}`;
  const secret = `sp-many-${index}-0123456789abcdefghij`;
  return `apiVersion: v1
kind: Secret
metadata: { name: ${name} }
stringData: { key: ${secret} }
---
${HEAD}kind: VirtualKey
metadata: { name: ${name} }
spec:
  owner: person-${index}@example.com
  teams: [team-${index % 100}]
  secretRef: { name: ${name}, key: key }
`;
}

function serverDoc(index: number): string {
  const tools = Array.from(
    { length: LARGE.toolsOfServer },
    (_, tool) => `    - { name: tool-${tool}, class: Read }\n`,
  ).join('');
  return `${HEAD}kind: ToolServer
metadata: { name: many-${index} }
spec:
  remote: { url: "\${mock.url}/mcp/tools=${LARGE.toolsOfServer}" }
  allowPrivateNetwork: true
  tools:
${tools}`;
}

function accessDoc(index: number): string {
  return `${HEAD}kind: AccessPolicy
metadata: { name: many-${index} }
spec:
  subjects: { teams: [team-${index % 100}] }
  models: ["gpt-*"]
  tools: ["many-${index % LARGE.servers}/*"]
`;
}

function policyDoc(index: number): string {
  // 20 for one tool (DESIGN section 9), here the one that is measured.
  const of = index < 20 ? '{ server: mail, tool: find }' : `{ server: many-${index % LARGE.servers}, tool: "*" }`;
  return `${HEAD}kind: ToolPolicy
metadata: { name: many-${index} }
spec:
  mode: Enforce
  tools:
    - ${of}
  calls:
    - name: bounded
      when: "size(args) > ${100 + index}"
      action: Deny
      reason: Too many arguments.
`;
}
