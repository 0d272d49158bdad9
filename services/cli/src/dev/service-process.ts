import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@sallyport/chassis/log';
import { heapFlags } from './heap-flags.ts';
import { endProcess } from './processes.ts';
import { repository } from './repository.ts';
import type { Instance } from './topology.ts';

const LEASH = fileURLToPath(new URL('./leash.ts', import.meta.url));
const READY_MS = 60_000;
// Beyond the services' own grace (5 s) and flush.
const STOP_STEPS = [
  { signal: 'SIGTERM', waitMs: 12_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
] as const;
const FIRST_BACK_OFF_MS = 250;
const LAST_BACK_OFF_MS = 10_000;
const STEADY_MS = 30_000;

/** How one process of the suite is run. */
export interface ServiceProcessOptions {
  readonly instance: Instance;
  readonly configFile: string;
  readonly logFile: string;
  /** Folder of Node's compile cache: a warm start need not strip types and compile again. */
  readonly compileCache: string;
  /** Starts it again, with back-off, when it ends by itself. */
  readonly keepAlive: boolean;
  readonly log: Logger;
  /** Told whenever the process begins (its pid) or ends (undefined). */
  readonly onPid: (pid: number | undefined) => void;
}

/** One process of the suite. */
export interface ServiceProcess {
  readonly instance: Instance;
  pid(): number | undefined;
  start(): void;
  /** Resolves when /readyz answers 200; rejects with the reasons and the end of the log. */
  ready(): Promise<void>;
  /** True when /readyz answers 200 now, else why not. */
  readiness(): Promise<true | string>;
  /** Ends it as a rollout would: SIGTERM, then by force. */
  stop(): Promise<void>;
  /** Ends it as a lost node would: SIGKILL. Not started again by itself. */
  kill(): Promise<void>;
}

/** Makes the handle of a process; nothing runs before `start`. */
export function serviceProcess(options: ServiceProcessOptions): ServiceProcess {
  const { instance, log } = options;
  let child: ChildProcess | undefined;
  let wanted = false;
  let backOffMs = FIRST_BACK_OFF_MS;
  let retry: NodeJS.Timeout | undefined;

  const launch = () => {
    const startedAt = Date.now();
    const running = spawnService(options);
    child = running;
    options.onPid(running.pid);
    running.once('exit', (code, signal) => {
      if (child === running) child = undefined;
      options.onPid(undefined);
      if (!wanted) return;
      log.warn(`${instance.name} ended by itself`, { code, signal, log: options.logFile });
      if (!options.keepAlive) return;
      if (Date.now() - startedAt > STEADY_MS) backOffMs = FIRST_BACK_OFF_MS;
      log.info(`${instance.name} is started again`, { inMs: backOffMs });
      retry = setTimeout(launch, backOffMs);
      backOffMs = Math.min(LAST_BACK_OFF_MS, backOffMs * 2);
    });
  };
  const end = async (steps: Parameters<typeof endProcess>[1]) => {
    wanted = false;
    clearTimeout(retry);
    const running = child;
    if (running?.pid === undefined) return;
    const exited = new Promise<void>((resolve) => running.once('exit', () => resolve()));
    await endProcess(running.pid, steps);
    await Promise.race([exited, pause(1000, undefined, { ref: false })]);
  };
  const readiness = () => askReadiness(instance.ports.admin);

  return {
    instance,
    pid: () => child?.pid,
    start() {
      wanted = true;
      if (child === undefined) launch();
    },
    readiness,
    async ready() {
      const until = Date.now() + READY_MS;
      let last: true | string = 'not asked yet';
      while (Date.now() < until) {
        last = await readiness();
        if (last === true) return;
        if (child === undefined && !options.keepAlive) break;
        await pause(100);
      }
      throw new Error(`${instance.name} is not ready: ${last}\n${tail(options.logFile)}`);
    },
    stop: () => end(STOP_STEPS),
    kill: () => end([{ signal: 'SIGKILL', waitMs: 5_000 }]),
  };
}

/** In MB; pods have limits of their own. */
const MOST_HEAP = '--max-old-space-size=512';

function spawnService({ instance, configFile, logFile, compileCache }: ServiceProcessOptions): ChildProcess {
  const { name } = instance.shape;
  const main = join(repository, 'services', name, 'src', 'main.ts');
  const output = openSync(logFile, 'a', 0o600);
  const child = spawn(
    process.execPath,
    [...heapFlags(name), MOST_HEAP, '--import', LEASH, main, '--config', configFile],
    {
      cwd: repository,
      // A group of its own: Ctrl-C in the terminal goes to the launcher alone, which stops the services in order.
      detached: true,
      stdio: ['pipe', output, output],
      // Who starts many suites, as tests do, names one cache for all of them.
      env: { NODE_COMPILE_CACHE: compileCache, ...process.env, NODE_OPTIONS: '', POD_NAME: instance.name },
    },
  );
  closeSync(output);
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  return child;
}

/** Asks the admin port of a process: true, or why it is not ready. */
export async function askReadiness(port: number): Promise<true | string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) });
    const body = await response.text();
    return response.status === 200 ? true : body.trim();
  } catch (error) {
    return `no answer (${((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? (error as Error).name})`;
  }
}

/** Moves the log of the last start aside. */
export function turnLog(logFile: string): void {
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
}

function tail(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-10).join('\n') : '';
}
