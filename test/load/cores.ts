import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { withChildren } from './processes.ts';

/** Who takes part in one request at a time. */
export interface Path {
  /** Processes that a request passes one after the other: their main threads have the first core to themselves. */
  readonly path: readonly number[];
  /** Processes that work beside it: they, their children and all other threads have the other cores. */
  readonly beside: readonly number[];
}

/**
 * Parts the cores between the path of a request and what is done beside it, as machines do in a cluster: on two cores the
 * kernel lets a thread of the path wait for a database that writes a batch, though the other core has nothing to do (seen by
 * `perf sched`: three fifths of all waiting). A thread keeps its place until `shareCores`. Returns why not, where it cannot be.
 */
export function partCores({ path, beside }: Path): string | undefined {
  if (cpus().length < 2) return 'one core only';
  const others = `1-${cpus().length - 1}`;
  try {
    for (const pid of withChildren(beside)) if (!path.includes(pid)) place(pid, others, '-a');
    for (const pid of path) {
      place(pid, others, '-a');
      place(pid, '0');
    }
  } catch (error) {
    shareCores({ path, beside });
    return String(error).split('\n')[0];
  }
  return undefined;
}

/** Lets all of them run wherever the kernel likes again. */
export function shareCores({ path, beside }: Path): void {
  for (const pid of [...path, ...withChildren(beside)]) {
    try {
      place(pid, `0-${cpus().length - 1}`, '-a');
    } catch {
      // It has ended, or there is no taskset: nothing was placed.
    }
  }
}

/** A process id is that of its main thread; with `-a` it stands for all of its threads. */
function place(pid: number, cores: string, ...options: string[]): void {
  try {
    execFileSync('taskset', [...options, '-c', '-p', cores, String(pid)], { stdio: 'pipe' });
  } catch (error) {
    // One that ended meanwhile, such as an idle connection of the database, takes no part.
    if (readdirSync('/proc').includes(String(pid))) throw error;
  }
}
