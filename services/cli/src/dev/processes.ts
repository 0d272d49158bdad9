import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Tells whether a process of this id lives (also when it belongs to another user). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  // A zombie answers signals but is gone for all that matters here.
  return commandOf(pid) !== '';
}

/** The command line of a process; empty when there is none. From /proc on Linux, else from ps. */
export function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

/** Sends signals in turn, waiting after each until the process is gone; true when it is. Times in milliseconds. */
export async function endProcess(
  pid: number,
  steps: readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[],
): Promise<boolean> {
  for (const step of steps) {
    if (!isAlive(pid)) return true;
    try {
      process.kill(pid, step.signal);
    } catch {
      return !isAlive(pid);
    }
    const until = Date.now() + step.waitMs;
    while (Date.now() < until) {
      if (!isAlive(pid)) return true;
      await pause(25);
    }
  }
  return !isAlive(pid);
}
