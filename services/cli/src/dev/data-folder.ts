import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Logger } from '@sallyport/chassis/log';
import { commandOf, endProcess, isAlive } from './processes.ts';

/** The data folder of a suite, held by one launcher at a time. */
export interface DataFolder {
  /** Absolute path. */
  readonly path: string;
  /** A folder in it, made when absent. */
  folder(name: string): string;
  /** Remembers the pid of a child (undefined: it is gone), for the case that the launcher is killed. */
  remember(name: string, pid: number | undefined): void;
  /** Gives the folder free. */
  release(): void;
}

/**
 * Takes a data folder: refuses one that a living launcher holds, and ends services that a killed launcher left behind.
 * A process counts as left behind only when its command line names a config of this very folder.
 */
export async function takeDataFolder(dir: string, log: Logger): Promise<DataFolder> {
  const path = resolve(dir);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = join(path, 'launcher.json');
  const holder = readJson(lock) as { pid?: number; command?: string } | undefined;
  if (holder?.pid !== undefined && holder.pid !== process.pid && isAlive(holder.pid)) {
    // A pid is given anew after a reboot; only the same command is the same launcher.
    if (commandOf(holder.pid) === holder.command) {
      throw new Error(`${path} is in use by process ${holder.pid} (${holder.command}); take another DATA.`);
    }
  }
  writeFileSync(lock, JSON.stringify({ pid: process.pid, command: commandOf(process.pid) }));

  const children = join(path, 'children.json');
  const configs = join(path, 'config');
  for (const [name, pid] of Object.entries((readJson(children) ?? {}) as Record<string, number>)) {
    if (!isAlive(pid) || !commandOf(pid).includes(`${configs}/`)) continue;
    log.warn('stopping a service that an earlier launcher left behind', { service: name, pid });
    await endProcess(pid, [
      { signal: 'SIGTERM', waitMs: 3_000 },
      { signal: 'SIGKILL', waitMs: 2_000 },
    ]);
  }
  const living = new Map<string, number>();
  const save = () => writeFileSync(children, JSON.stringify(Object.fromEntries(living)));
  save();
  return {
    path,
    folder(name) {
      const folder = join(path, name);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    },
    remember(name, pid) {
      if (pid === undefined) living.delete(name);
      else living.set(name, pid);
      if (existsSync(path)) save();
    },
    release() {
      rmSync(lock, { force: true });
      rmSync(children, { force: true });
    },
  };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
