import { sleep } from '@sallyport/chassis/deadline';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { RetryBudget } from '@sallyport/chassis/retry-budget';
import type { Server } from '../catalog/catalog.ts';
import type { BrokerMetrics } from '../metrics.ts';
import { type Places, places } from './places.ts';
import { type CallOutcome, type ServerHealth, serverHealth } from './server-health.ts';

/** Keeps one server's trouble from everybody else, and a little of it from callers. */
export interface SteadyCalls {
  /**
   * Makes a call as the ToolServer says of the tool: within its number at once, not while the server is failing, and again
   * where it failed and may be made again. Throws GatewayError; `details.notMade` where the server was not called.
   */
  make<T>(server: Server, tool: string, for_: Caller, call: () => Promise<T>): Promise<T>;
  /** Why calls of a server fail now, whoever makes them; undefined: they do not. */
  failing(uid: string): GatewayError | undefined;
  /** Forgets servers that are gone. */
  keepOnly(uids: ReadonlySet<string>): void;
}

/** Who calls, until when. */
export interface Caller {
  readonly principal: { readonly tenant: string; readonly id: string; readonly user: string };
  readonly signal: AbortSignal;
}

interface Watched {
  readonly health: ServerHealth;
  readonly budget: RetryBudget;
  /** Of the server under the key '', else of a tool. */
  readonly places: Map<string, Places>;
  of: Server;
}

/** What the ToolServer says of a tool. */
interface Said {
  readonly atOnce: number | undefined;
  readonly retries: number;
}

const SERVER = '';
const AT_ONCE = 128;
/** A retry is earned by ten calls. */
const RETRY_PERCENT = 10;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;
const UNSAID: Said = { atOnce: undefined, retries: 0 };
/** What says that the server is in trouble. An answer that is wrong, or a credential that is refused, does not. */
const TROUBLE = new Set(['upstream_error', 'upstream_timeout', 'deadline_exceeded']);
/** Why no connection came about: nothing of a call was sent. */
const UNREACHED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
]);
const MAX_CAUSES = 5;

/** Makes it. */
export function steadyCalls(metrics: Pick<BrokerMetrics, 'opened' | 'retries'>): SteadyCalls {
  const watched = new Map<string, Watched>();
  const said = new WeakMap<Server, ReadonlyMap<string, Said>>();

  const watch = (server: Server): Watched => {
    const held = watched.get(server.uid);
    if (held?.of === server) return held;
    // Another address is another server; what was declared about numbers may have changed with anything else.
    const same = held?.of.contentHash === server.contentHash ? held : undefined;
    const { name } = server;
    const health = same?.health ?? serverHealth(() => metrics.opened.inc({ server: name }));
    const made: Watched = {
      health,
      budget: same?.budget ?? new RetryBudget(),
      places: same?.places ?? new Map<string, Places>(),
      of: server,
    };
    watched.set(server.uid, made);
    return made;
  };
  const saidOf = (server: Server, tool: string): Said => {
    let all = said.get(server);
    if (all === undefined) {
      all = new Map(
        server.spec.tools.flatMap(({ name, concurrency, retries = 0 }) =>
          concurrency === undefined && retries === 0 ? [] : [[name, { atOnce: concurrency, retries }] as const],
        ),
      );
      said.set(server, all);
    }
    return all.get(tool) ?? UNSAID;
  };
  const placesOf = ({ places: held }: Watched, key: string, most: number): Places => {
    const known = held.get(key) ?? places(most);
    held.set(key, known);
    return known;
  };

  const once = async <T>(one: Watched, { atOnce }: Said, tool: string, for_: Caller, call: () => Promise<T>) => {
    const { principal, signal } = for_;
    const ofServer = placesOf(one, SERVER, one.of.spec.concurrency ?? AT_ONCE);
    const ofTool = atOnce === undefined ? undefined : placesOf(one, tool, atOnce);
    // Who waits for a tool holds no place of the server, so one tool's line is not every tool's.
    const free = ofTool?.take(signal);
    if (free !== undefined) await free;
    try {
      const line = ofServer.take(signal);
      if (line !== undefined) await line;
      try {
        const passage = one.health.begin(personOf(principal));
        let outcome: CallOutcome = 'neither';
        try {
          const answer = await call();
          outcome = 'ok';
          return answer;
        } catch (error) {
          if (!signal.aborted) outcome = outcomeOf(asGatewayError(error));
          throw error;
        } finally {
          passage.end(outcome);
        }
      } finally {
        ofServer.free();
      }
    } finally {
      ofTool?.free();
    }
  };

  return {
    async make(server, tool, for_, call) {
      const one = watch(server);
      const rules = saidOf(server, tool);
      if (rules.retries === 0) return await once(one, rules, tool, for_, call);
      one.budget.earn(RETRY_PERCENT);
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(one, rules, tool, for_, call);
        } catch (caught) {
          const error = asGatewayError(caught);
          // One that took all its time would take it again.
          const again = error.code === 'upstream_error' && attempt <= rules.retries && !for_.signal.aborted;
          if (!again || !one.budget.take()) throw caught;
          metrics.retries.inc({ server: server.name });
          const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), MAX_PAUSE_MS);
          await sleep(pauseMs * (0.5 + Math.random() / 2), for_.signal);
        }
      }
    },
    failing(uid) {
      const health = watched.get(uid)?.health;
      if (health === undefined || (health.closedMs() === 0 && !health.failsMany())) return undefined;
      return new GatewayError('upstream_error', 'Its calls fail: it is left alone for a while and then tried again.');
    },
    keepOnly(uids) {
      for (const uid of watched.keys()) if (!uids.has(uid)) watched.delete(uid);
    },
  };
}

// Keys of one person are one person: each of them may fail by what that person writes, or is granted.
function personOf({ tenant, id, user }: Caller['principal']): string {
  return `${tenant}\n${user === '' ? id : `user:${user}`}`;
}

function outcomeOf(error: GatewayError): CallOutcome {
  if (!TROUBLE.has(error.code)) return 'neither';
  // What a server refuses it was able to refuse: arguments, a path, more than somebody may.
  const status = error.details?.status;
  if (typeof status === 'number' && status >= 400 && status < 500) return 'neither';
  return wasUnreached(error) ? 'unreachable' : 'failed';
}

function wasUnreached(error: GatewayError): boolean {
  let one: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && typeof one === 'object' && one !== null; depth++) {
    const { code, cause } = one as { code?: unknown; cause?: unknown };
    if (typeof code === 'string' && UNREACHED.has(code)) return true;
    one = cause;
  }
  return false;
}
