import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import { type RecordedActor, recordOf, type WaitingRecord } from './outbox.ts';

/** One lease: who took it, for whom, and what it names. */
export interface Access {
  readonly tenant: string;
  /** Service that took it, by its certificate. */
  readonly caller: string;
  readonly actor: RecordedActor;
  readonly kind: string;
  readonly uid: string;
  readonly resourceName: string;
  readonly reference: string;
}

/** Writes down who had which credential. */
export interface AccessLog extends Component {
  add(access: Access): void;
}

/** Different accesses that may wait to be written; beyond, they are counted as lost and said so. */
const MAX_WAITING = 20_000;

interface Waiting {
  readonly access: Access;
  leases: number;
  readonly firstAtMs: number;
  lastAtMs: number;
}

/**
 * Gathers leases by who, what and for what, and writes one record for each at intervals: a lease costs no write of its
 * own. A failed write is added to the next.
 */
export function accessLog(options: {
  readonly write: (records: readonly { readonly tenant: string; readonly record: WaitingRecord }[]) => Promise<void>;
  readonly log: Logger;
  readonly intervalMs: number;
  readonly onLost?: () => void;
}): AccessLog {
  const { write, log, intervalMs } = options;
  let waiting = new Map<string, Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const merge = ({ access, leases, firstAtMs, lastAtMs }: Waiting) => {
    const { tenant, caller, actor, kind, uid, reference } = access;
    const key = JSON.stringify([tenant, caller, actor.principalId, kind, uid, reference]);
    const held = waiting.get(key);
    if (held !== undefined) {
      held.leases += leases;
      held.lastAtMs = Math.max(held.lastAtMs, lastAtMs);
    } else if (waiting.size < MAX_WAITING) waiting.set(key, { access, leases, firstAtMs, lastAtMs });
    else options.onLost?.();
  };
  const writeAll = async () => {
    if (waiting.size === 0) return;
    const batch = [...waiting.values()];
    waiting = new Map();
    try {
      await write(batch.map((one) => ({ tenant: one.access.tenant, record: recordOfAccess(one) })));
    } catch (error) {
      log.warn('who had which credential could not be written', { accesses: batch.length, error });
      for (const one of batch) merge(one);
    }
  };
  const flush = () => {
    writing = writing.then(writeAll);
    return writing;
  };
  return {
    name: 'access-log',
    add: (access) => merge({ access, leases: 1, firstAtMs: Date.now(), lastAtMs: Date.now() }),
    start() {
      timer = setInterval(() => void flush(), intervalMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await flush();
    },
  };
}

function recordOfAccess({ access, leases, firstAtMs, lastAtMs }: Waiting): WaitingRecord {
  const { tenant, caller, actor, kind, uid, resourceName, reference } = access;
  return recordOf(tenant, {
    action: 'credentials.lease',
    target: { kind, name: resourceName, uid, reference },
    change: { leasedTo: caller, leases, lastAt: new Date(lastAtMs).toISOString() },
    actor,
    atMs: firstAtMs,
  });
}
