import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createLeaseCounts } from './lease-counts.ts';
import type { LeaseCount } from './vault-store.ts';

const log = createLogger({ service: 'test', write: () => undefined });
const grant = { tenant: 'acme', kind: 'ModelProvider', uid: 'uid-1' };

describe('lease counts', () => {
  it('[vault:access-counted] are written by grant, and a failed write loses none', async () => {
    const written: LeaseCount[] = [];
    let failing = true;
    const recordLeases = async (counts: readonly LeaseCount[]) => {
      if (failing) throw new Error('away');
      written.push(...counts);
    };
    const counts = createLeaseCounts({ store: { recordLeases }, log, intervalMs: 60_000 });
    counts.add(grant);
    counts.add(grant);
    await counts.stop?.(0);
    failing = false;
    counts.add(grant);
    counts.add({ ...grant, uid: 'uid-2' });
    await counts.stop?.(0);
    expect(written.map(({ uid, leases }) => [uid, leases])).toEqual([
      ['uid-1', 3],
      ['uid-2', 1],
    ]);
  });
});
