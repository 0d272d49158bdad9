import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Load, LoadResult } from './driver.ts';

const TICKS_A_SECOND = 100;
const START_MS = 20_000;
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** A server that was started for the benchmark. */
export interface Started {
  readonly pid: number;
  readonly origin: string;
  stop(): Promise<void>;
}

/** Runs a script of this folder that prints `port N` when it listens. */
export async function startScript(file: string, ...args: string[]): Promise<Started> {
  const child = spawn(process.execPath, [here(file), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
  for await (const line of lines) {
    const port = /^port (\d+)$/.exec(line)?.[1];
    if (port === undefined) continue;
    clearTimeout(timer);
    child.stdout.resume();
    return { pid: child.pid as number, origin: `http://127.0.0.1:${port}`, stop: () => end(child) };
  }
  throw new Error(`${file} ended before it listened.`);
}

/** Ends a child of ours; resolves when it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(timer);
}

/** The load driver, in a process of its own so that it shares no event loop with what it measures. */
export interface Driver {
  readonly pid: number;
  drive(load: Load): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts the load driver. */
export function startDriver(): Driver {
  const child = fork(here('driver.ts'));
  return {
    pid: child.pid as number,
    async drive(load) {
      const answer = once(child, 'message');
      child.send(load);
      const [result] = await answer;
      return result as LoadResult;
    },
    stop: () => end(child),
  };
}

/** CPU seconds (user and system) that processes and all their children have used so far. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of withChildren(pids)) {
    // Field 2 is the command in brackets and may hold anything; utime and stime are fields 14 and 15.
    const fields = statOf(pid)?.split(' ');
    if (fields) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_A_SECOND;
}

/** Resident memory of one process in megabytes (10⁶ bytes): now and at its highest. */
export function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN);
  return { now: (kb('VmRSS') * 1024) / 1e6, peak: (kb('VmHWM') * 1024) / 1e6 };
}

/** Processes and all their descendants. */
export function withChildren(pids: readonly number[]): Set<number> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statOf(Number(name))?.split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const all = new Set<number>();
  const add = (pid: number) => {
    if (all.has(pid)) return;
    all.add(pid);
    for (const child of children.get(pid) ?? []) add(child);
  };
  for (const pid of pids) add(pid);
  return all;
}

/** `/proc/<pid>/stat` behind the command: state, parent, … ; undefined when the process is gone. */
function statOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2);
  } catch {
    return undefined;
  }
}
