import { create } from '@bufbuild/protobuf';
import { sleep } from '@sallyport/chassis/deadline';
import { asGatewayError, type GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import { type Principal, Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Sha256 } from '@sallyport/turn';
import type { BrokerMetrics } from '../metrics.ts';
import type { PinStore } from '../store.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Catalog, Server } from './catalog.ts';
import { readInSlices } from './definition.ts';
import { pinsOf } from './settle.ts';

/** How the last attempt to list a server went. */
export interface Attempt {
  readonly generation: number;
  /** Undefined: it was listed. */
  readonly error?: GatewayError;
}

/** Keeps what servers offer up to date, behind everybody's back. */
export interface Refresher extends Component {
  attempt(uid: string): Attempt | undefined;
  /** Lists a server anew soon: what it offers may be another thing for who lists it now. */
  soon(uid: string): void;
  /** Resolves once these servers were listed, or tried at least once where they are not new, or after two seconds. */
  tried(uids: readonly string[], signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

const AT_ONCE = 8;
const SOON_MS = 20;
const FIRST_RETRY_MS = 100;
const FIRST_LIST_MS = 2_000;
/** A server that is new may fail at first: its credential may be on its way to vault still. */
const NEW_MS = 5_000;
const LOOK_MS = 25;

/** Lists all servers at intervals, the new and changed ones at once, and those that failed again after 0.1, 0.2, 0.4 … seconds. */
export function refreshCatalog(options: {
  readonly catalog: Catalog;
  readonly upstream: Pick<Upstream, 'list' | 'keepOnly' | 'failing'>;
  readonly pins: PinStore;
  readonly sha256: Sha256;
  readonly metrics: BrokerMetrics;
  readonly log: Logger;
  readonly intervalMs: number;
  readonly listTimeoutMs: number;
  readonly onListed: () => void;
  /** Told of each server that has just told what tools it has. */
  readonly onServer: (server: Server) => void;
}): Refresher {
  const { catalog, upstream, log, metrics } = options;
  const attempts = new Map<string, Attempt>();
  const due = new Map<string, { of: string; at: number; since: number; failures: number; again?: boolean }>();
  const running = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const listOne = async (server: Server): Promise<boolean> => {
    try {
      const raw = await upstream.list(server, serviceOf(server.tenant), stopping.signal, options.listTimeoutMs);
      const { definitions, dropped } = await readInSlices(options.sha256, raw);
      const { seen, reviewed } = pinsOf(server.spec, definitions);
      const pins = await options.pins.pin(server.tenant, server.uid, seen, reviewed);
      catalog.listed(server.uid, { definitions, dropped, pins });
      attempts.set(server.uid, { generation: server.generation });
      metrics.listings.inc({ outcome: 'ok' });
      options.onServer(server);
      return true;
    } catch (caught) {
      if (stopping.signal.aborted) return false;
      const error = asGatewayError(caught);
      attempts.set(server.uid, { generation: server.generation, error });
      metrics.listings.inc({ outcome: error.code });
      // What was listed before stays in force: a server that is away for a while changes no list.
      log.warn('A tool server could not be listed', { server: server.name, tenant: server.tenant, error });
      return false;
    }
  };

  const begin = (server: Server) => {
    const work = listOne(server).then((well) => {
      const held = due.get(server.uid);
      if (held && held.of === server.contentHash) {
        held.failures = well ? 0 : held.failures + 1;
        const retryMs = FIRST_RETRY_MS * 2 ** Math.min(held.failures - 1, 10);
        const waitMs = well ? options.intervalMs : Math.min(retryMs, options.intervalMs);
        held.at = Date.now() + (held.again === true ? 0 : waitMs);
        held.again = false;
      }
    });
    const done = work.finally(() => {
      running.delete(server.uid);
      metrics.held.set(heldIn(catalog));
      options.onListed();
      wake();
    });
    running.set(server.uid, done);
  };

  const round = () => {
    const now = Date.now();
    for (const server of catalog.servers()) {
      if (running.size >= AT_ONCE) break;
      const held = due.get(server.uid);
      if (held && held.at <= now && !running.has(server.uid)) {
        held.at = Number.POSITIVE_INFINITY;
        begin(server);
      }
    }
    wake();
  };

  const wake = () => {
    clearTimeout(timer);
    if (stopping.signal.aborted || running.size >= AT_ONCE) return;
    const next = Math.min(...[...due.values()].map((one) => one.at));
    if (!Number.isFinite(next)) return;
    timer = setTimeout(round, Math.max(SOON_MS, next - Date.now()));
    timer.unref();
  };

  const follow = () => {
    const alive = new Map([...catalog.servers()].map((server) => [server.uid, server]));
    for (const uid of due.keys()) {
      if (alive.has(uid)) continue;
      due.delete(uid);
      attempts.delete(uid);
    }
    for (const server of alive.values()) {
      const held = due.get(server.uid);
      if (held?.of !== server.contentHash)
        due.set(server.uid, { of: server.contentHash, at: 0, since: Date.now(), failures: 0 });
    }
    upstream.keepOnly(alive.values());
    wake();
  };

  const attempt: Refresher['attempt'] = (uid) => {
    const last = attempts.get(uid);
    const error = last?.error === undefined ? upstream.failing(uid) : undefined;
    // One that lists its tools and fails at each call of them is not there for anybody.
    return last === undefined || error === undefined ? last : { ...last, error };
  };
  catalog.judge((uid) => attempt(uid)?.error !== undefined);
  return {
    name: 'catalog',
    attempt,
    soon(uid) {
      const held = due.get(uid);
      // One that is being listed right now began before.
      if (held) held.again = running.has(uid);
      if (held && !held.again) held.at = Date.now();
      wake();
    },
    async tried(uids, signal) {
      const end = Date.now() + FIRST_LIST_MS;
      const isOpen = (uid: string) => {
        const attempt = attempts.get(uid);
        const since = due.get(uid)?.since ?? 0;
        return attempt === undefined || (attempt.error !== undefined && Date.now() - since < NEW_MS);
      };
      while (uids.some(isOpen) && Date.now() < end && !signal.aborted) await sleep(LOOK_MS, signal);
    },
    start() {
      catalog.onChange(follow);
      follow();
    },
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await Promise.allSettled(running.values());
    },
  };
}

/** In whose name servers are listed: the broker's own, in the server's tenant. */
export function serviceOf(tenant: string): Principal {
  return create(PrincipalSchema, { tenant, kind: Principal_Kind.CLIENT, id: 'service:mcp-broker', name: 'mcp-broker' });
}

function heldIn(catalog: Catalog): number {
  let held = 0;
  for (const server of catalog.servers()) held += catalog.settled(server.uid)?.held.size ?? 0;
  return held;
}
