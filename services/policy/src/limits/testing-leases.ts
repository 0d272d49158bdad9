import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { type Limits, limitShares } from '@sallyport/peers/limits';
import { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { policyMetrics } from '../metrics.ts';
import { snapshotOf } from '../testing.ts';
import { limitService } from './service.ts';
import { memoryLimitStore } from './store-memory.ts';

const log = createLogger({ service: 'test', level: 'error' });

/** So many replicas that lease from one policy with these Limits, and how often one of them did. */
export async function replicas(
  specs: Readonly<Record<string, object>>,
  options: { readonly count?: number; readonly leaseTtlMs?: number; readonly stepsTaken?: number } = {},
): Promise<{ readonly all: readonly Limits[]; leases(): number; stop(): Promise<void> }> {
  const { count = 1, leaseTtlMs = 30_000, stepsTaken = 0 } = options;
  const snapshot = await snapshotOf(Object.entries(specs).map(([name, spec]) => ({ kind: 'Limit', name, spec })));
  const service = limitService({
    snapshot: () => snapshot,
    store: memoryLimitStore(),
    stepsTaken: async () => stepsTaken,
    leaseTtlMs,
    concurrencyTtlMs: 60_000,
    trajectoryTtlMs: 3_600_000,
    metrics: policyMetrics(createMetrics('policy', { defaults: false })),
    log,
  });
  let leases = 0;
  const served = await inProcess(LimitService, {
    ...service,
    lease(request, context) {
      leases++;
      return service.lease(request, context);
    },
  });
  const follows = { onChange: () => () => true, revision: () => snapshot.limitRevision };
  const all = Array.from({ length: count }, (_, index) =>
    limitShares({ client: served.client, snapshot: follows, log, replica: `r${index}` }),
  );
  for (const one of all) one.start();
  return {
    all,
    leases: () => leases,
    async stop() {
      for (const one of all) await one.stop();
      await served.close();
    },
  };
}
