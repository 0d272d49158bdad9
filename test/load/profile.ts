// Profiles a service under one load and prints where its time goes, or its memory, for tuning. Run:
// node test/load/profile.ts [--job chat|stream|tool|tool-2025] [--crossing openai-anthropic] [--of time|allocations|survivors]
//   [--seconds 5] [--service model-proxy] [--top 40] [--out FILE]
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { heapFlags } from '@sallyport/cli/dev/heap-flags';
import { type SallyportUnderLoad, startSallyport } from './contestants.ts';
import { type Crossing, crossingLoad, type Job, loadOf, type ToolJob } from './measuring.ts';
import { end, startDriver, startScript } from './processes.ts';
import { brokerOf } from './tool.ts';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { functionName: string; url: string; lineNumber: number };
  readonly children?: readonly number[];
}

interface HeapNode {
  readonly callFrame: ProfileNode['callFrame'];
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

interface HeapProfile {
  readonly head: HeapNode;
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const { values: options } = parseArgs({
  options: {
    job: { type: 'string', default: 'chat' },
    /** The client's dialect and the provider's, for a chat or stream. */
    crossing: { type: 'string' },
    /** `allocations`: bytes by who asked for them; `survivors`: those that outlived the young generation. */
    of: { type: 'string', default: 'time' },
    seconds: { type: 'string', default: '5' },
    service: { type: 'string', default: 'model-proxy' },
    top: { type: 'string', default: '40' },
    out: { type: 'string' },
  },
});
const READY_MS = 30_000;
const root = fileURLToPath(new URL('../../', import.meta.url));

const mock = await startScript('./mock.ts');
const sallyport = await startSallyport(mock.origin);
const driver = startDriver();
let profiled: ChildProcess | undefined;
try {
  const started = await underInspector(sallyport);
  profiled = started.child;
  const of = options.job?.startsWith('tool') ? brokerOf(sallyport) : sallyport;
  const bounds = { connections: 16, requests: 1_000_000, ms: 3_000 };
  const load = options.crossing
    ? crossingLoad(of, options.job as Job, options.crossing as Crossing, bounds)
    : loadOf(of, options.job as Job | ToolJob, bounds);
  await driver.drive(load);
  const session = await openSession(started.url);
  await (options.of === 'time' ? startTime(session) : startMemory(session));
  const result = await driver.drive({ ...load, ms: Number(options.seconds) * 1_000 });
  const stop = options.of === 'time' ? 'Profiler.stop' : 'HeapProfiler.stopSampling';
  const { profile } = (await session.call(stop)) as { profile: Profile | HeapProfile };
  session.close();
  if (options.out) writeFileSync(options.out, JSON.stringify(profile));
  process.stdout.write(`${result.requests} requests, ${result.bad} bad ${result.why}\n`);
  if ('head' in profile) printMemory(profile, result.requests);
  else print(profile, result.requests);
} finally {
  if (profiled) await end(profiled);
  await driver.stop();
  await sallyport.stop();
  await mock.stop();
}
process.exit(0);

/** Puts a process with an inspector in the place of the suite's own. */
async function underInspector(suite: SallyportUnderLoad): Promise<{ child: ChildProcess; url: string }> {
  const service = options.service as string;
  await suite.suite.kill(service);
  const main = join(root, 'services', service, 'src', 'main.ts');
  const config = join(suite.suite.data, 'config', `${service}.yaml`);
  const child = spawn(process.execPath, [...heapFlags(service), '--inspect=127.0.0.1:0', main, '--config', config], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, POD_NAME: service },
  });
  let url = '';
  for await (const line of createInterface({ input: child.stderr })) {
    url = /ws:\S+/.exec(line)?.[0] ?? '';
    if (url !== '') break;
  }
  child.stderr.resume();
  const admin = `http://127.0.0.1:${suite.suite.ports[service]?.admin}/readyz`;
  const until = Date.now() + READY_MS;
  while (
    !(await fetch(admin).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (Date.now() > until) throw new Error(`${service} is not ready under the inspector.`);
    await pause(100);
  }
  return { child, url };
}

type Session = Awaited<ReturnType<typeof openSession>>;

async function startTime(session: Session): Promise<void> {
  await session.call('Profiler.enable');
  await session.call('Profiler.setSamplingInterval', { interval: 200 });
  await session.call('Profiler.start');
}

async function startMemory(session: Session): Promise<void> {
  await session.call('HeapProfiler.enable');
  await session.call('HeapProfiler.startSampling', {
    samplingInterval: 8_192,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: options.of === 'allocations',
  });
}

/** A session of the inspector protocol. */
async function openSession(url: string) {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (message.id !== undefined) waiting.get(message.id)?.(message.result);
  });
  let next = 1;
  return {
    call: (method: string, params: object = {}) =>
      new Promise<unknown>((resolve) => {
        waiting.set(next, resolve);
        socket.send(JSON.stringify({ id: next++, method, params }));
      }),
    close: () => socket.close(),
  };
}

function print({ nodes, samples, timeDeltas }: Profile, requests: number): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const own = new Map<number, number>();
  for (const [index, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const functions = new Map<string, number>();
  const places = new Map<string, number>();
  const totals = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, value: number) => map.set(key, (map.get(key) ?? 0) + value);
  for (const [id, micros] of own) {
    const frame = byId.get(id)?.callFrame;
    if (!frame || frame.functionName === '(idle)') continue;
    add(functions, nameOf(frame), micros);
    add(places, placeOf(frame.url) || frame.functionName, micros);
  }
  // With callees: each function once on a path, so that recursion does not count twice.
  const walk = (node: ProfileNode, path: ReadonlySet<string>): number => {
    const name = nameOf(node.callFrame);
    const inner = new Set(path).add(name);
    let sum = own.get(node.id) ?? 0;
    for (const child of node.children ?? []) sum += walk(byId.get(child) as ProfileNode, inner);
    if (!path.has(name)) add(totals, name, sum);
    return sum;
  };
  walk(nodes[0] as ProfileNode, new Set());
  const top = Number(options.top);
  table('by place, us a request', places, requests, 30);
  table('by function, itself', functions, requests, top);
  table('by function of ours, with what it calls', ofOurs(totals), requests, top);
}

function printMemory({ head }: HeapProfile, requests: number): void {
  const functions = new Map<string, number>();
  const totals = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, value: number) => map.set(key, (map.get(key) ?? 0) + value);
  const walk = (node: HeapNode, path: ReadonlySet<string>): number => {
    const name = nameOf(node.callFrame);
    const inner = new Set(path).add(name);
    let sum = node.selfSize;
    for (const child of node.children) sum += walk(child, inner);
    add(functions, name, node.selfSize);
    if (!path.has(name)) add(totals, name, sum);
    return sum;
  };
  const all = walk(head, new Set());
  const top = Number(options.top);
  process.stdout.write(`${(all / requests).toFixed(0)} bytes a request\n`);
  table('by function, itself, bytes a request', functions, requests, top);
  table('by function of ours, with what it calls', ofOurs(totals), requests, top);
}

function ofOurs(totals: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...totals].filter(([name]) => name.includes('services/')));
}

function table(title: string, map: ReadonlyMap<string, number>, requests: number, top: number): void {
  process.stdout.write(`\n${title}\n`);
  for (const [name, sum] of [...map].sort((a, b) => b[1] - a[1]).slice(0, top)) {
    process.stdout.write(`${(sum / requests).toFixed(2).padStart(9)}  ${name}\n`);
  }
}

function nameOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  return url === ''
    ? functionName || '(anonymous)'
    : `${functionName || '(anonymous)'} ${shortened(url)}:${lineNumber + 1}`;
}

function placeOf(url: string): string {
  if (url.startsWith('node:')) return url.split('/').slice(0, 2).join('/');
  const packed = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(url)?.[1];
  if (packed) return packed;
  return shortened(url);
}

function shortened(url: string): string {
  return url
    .replace(/^file:\/\//, '')
    .replace(root, '')
    .replace(/.*node_modules\/(?!.*node_modules)/, '');
}
