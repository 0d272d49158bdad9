import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { LeaseCount, VaultStore } from './vault-store.ts';

/** Counts leases by grant and writes the counts now and then. */
export interface LeaseCounts extends Component {
  add(grant: { readonly tenant: string; readonly kind: string; readonly uid: string }): void;
}

/** How often counts are written. */
export interface LeaseCountsOptions {
  readonly store: Pick<VaultStore, 'recordLeases'>;
  readonly log: Logger;
  readonly intervalMs: number;
}

/** Makes the counter. Its size is bounded by the number of grants; a failed write is added to the next. */
export function createLeaseCounts({ store, log, intervalMs }: LeaseCountsOptions): LeaseCounts {
  let counts = new Map<string, LeaseCount>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const merge = (count: LeaseCount) => {
    const id = `${count.tenant}/${count.kind}/${count.uid}`;
    const held = counts.get(id);
    const leases = (held?.leases ?? 0) + count.leases;
    counts.set(id, { ...count, leases, lastAtMs: Math.max(held?.lastAtMs ?? 0, count.lastAtMs) });
  };
  const write = async () => {
    if (counts.size === 0) return;
    const batch = [...counts.values()];
    counts = new Map();
    try {
      await store.recordLeases(batch);
    } catch (error) {
      log.warn('the counts of leases could not be written', { grants: batch.length, error });
      for (const count of batch) merge(count);
    }
  };
  const flush = () => {
    writing = writing.then(write);
    return writing;
  };
  return {
    name: 'lease-counts',
    add: (grant) => merge({ ...grant, leases: 1, lastAtMs: Date.now() }),
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
