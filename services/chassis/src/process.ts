import type { DrainConfig } from './config.ts';
import { ConfigError } from './config.ts';
import { sleep, within } from './deadline.ts';
import { createLogger, type Logger } from './log.ts';
import { createReadiness, type Readiness } from './readiness.ts';

/** Something with a life: a listener, a pool, a loop. */
export interface Component {
  readonly name: string;
  start?(): Promise<void> | void;
  /** Finish what is open, by `deadlineMs` (epoch ms) at the latest, then let go by force. */
  stop?(deadlineMs: number): Promise<void> | void;
}

/** What a composition root builds a process with. */
export interface Lifecycle {
  /** Starts a component after those before it; they stop in reverse order. Rejects when it cannot start. */
  use<C extends Component>(component: C): Promise<C>;
  /** Fires when components begin to stop; loops of the service end with it. */
  readonly signal: AbortSignal;
  readonly readiness: Readiness;
  /** The service's own logger and drain times, once its config is read. */
  configure(settings: { readonly log?: Logger; readonly drain?: DrainConfig }): void;
}

/** A process: its name and how it is put together. */
export interface ProcessOptions {
  readonly name: string;
  readonly start: (life: Lifecycle) => Promise<void>;
}

// What comes after the listeners (spools, spans, pools) has this long beyond the grace, see terminationGracePeriodSeconds.
const AFTER_GRACE_MS = 4000;
const FLUSH_MS = 2000;

/**
 * Runs a process until SIGTERM or SIGINT: not ready, drain delay, components stop in reverse within the grace, exit 0.
 * A second signal, an expired grace, a failed start or an unhandled rejection exits 1.
 */
export function run(options: ProcessOptions): void {
  let log = createLogger({ service: options.name });
  let drain: DrainConfig = { delaySeconds: 5, graceSeconds: 20 };
  let stopping = false;
  let started = false;
  const running: Component[] = [];
  const abort = new AbortController();
  const readiness = createReadiness();
  readiness.hold('starting');

  // Signal handlers alone do not keep a process alive, and one without a listener has nothing else that does.
  const alive = setInterval(() => undefined, 2_147_483_647);
  const exit = (code: number) => {
    clearInterval(alive);
    // Standard output may be a pipe, which is written behind our back: let it empty first.
    process.stdout.write('', () => process.exit(code));
    setTimeout(() => process.exit(code), 500).unref();
  };

  let chain: Promise<unknown> = Promise.resolve();
  const life: Lifecycle = {
    signal: abort.signal,
    readiness,
    configure(settings) {
      log = settings.log ?? log;
      drain = settings.drain ?? drain;
    },
    use(component) {
      const next = chain.then(async () => {
        if (stopping) throw new Error(`${component.name} is not started: the process is stopping`);
        running.push(component);
        await component.start?.();
        return component;
      });
      chain = next;
      // `run` awaits the chain and reports; a caller that does not await must not kill the process before that.
      next.catch(() => undefined);
      return next;
    },
  };

  const stopAll = async (graceEndMs: number): Promise<number> => {
    let code = 0;
    abort.abort();
    for (const component of running.reverse()) {
      const deadlineMs = Math.max(graceEndMs, Date.now() + FLUSH_MS);
      try {
        await within(Promise.resolve(component.stop?.(deadlineMs)), deadlineMs - Date.now() + 500, component.name);
      } catch (error) {
        code = 1;
        log.error('a component did not stop cleanly', { component: component.name, error });
      }
    }
    return code;
  };

  const onSignal = async (name: string) => {
    if (stopping) {
      log.warn('second signal, leaving at once', { signal: name });
      return exit(1);
    }
    stopping = true;
    readiness.hold('draining');
    log.info('draining', { signal: name, ...drain });
    if (started) await sleep(drain.delaySeconds * 1000);
    const graceMs = drain.graceSeconds * 1000;
    const force = setTimeout(() => {
      log.error('the grace period is over, leaving by force');
      exit(1);
    }, graceMs + AFTER_GRACE_MS);
    const code = await stopAll(Date.now() + graceMs);
    clearTimeout(force);
    log.info('stopped');
    exit(code);
  };

  const onFault = (kind: string) => (error: unknown) => {
    log.error(kind, { error });
    exit(1);
  };
  process.on('SIGTERM', (name) => void onSignal(name));
  process.on('SIGINT', (name) => void onSignal(name));
  process.on('unhandledRejection', onFault('unhandled rejection'));
  process.on('uncaughtException', onFault('uncaught exception'));

  const begin = async () => {
    await options.start(life);
    await chain;
    if (stopping) return;
    started = true;
    readiness.hold(undefined);
    log.info('started', { pid: process.pid });
  };
  begin().catch(async (error: unknown) => {
    if (stopping) return;
    stopping = true;
    if (error instanceof ConfigError) log.error(error.message);
    else log.error('cannot start', { error });
    await stopAll(Date.now());
    exit(1);
  });
}
