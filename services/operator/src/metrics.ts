import type { Metrics } from '@sallyport/chassis/metrics';
import type { Kind } from '@sallyport/custom-resources';

/** What the operator counts. */
export interface OperatorMetrics {
  /** Runs a reconciliation and counts it by kind and outcome. */
  reconciled(kind: Kind, work: () => Promise<void>): Promise<void>;
  leader(leads: boolean): void;
  published(kind: Kind): void;
  watchRestarted(kind: string): void;
}

/** Registers the operator's metrics; `waiting` and `watchers` are read at each scrape. */
export function operatorMetrics(metrics: Metrics): OperatorMetrics {
  const seconds = metrics.histogram('reconcile_duration_seconds', 'Duration of reconciliations.', ['kind', 'outcome']);
  const leads = metrics.gauge('leader', 'Whether this replica leads: 1 or 0.', []);
  const published = metrics.counter('snapshots_published_total', 'Snapshots of a kind that differed from the last.', [
    'kind',
  ]);
  const restarts = metrics.counter('watch_restarts_total', 'Watches that ended with an error and were begun anew.', [
    'kind',
  ]);
  return {
    async reconciled(kind, work) {
      const begun = performance.now();
      let outcome = 'error';
      try {
        await work();
        outcome = 'ok';
      } finally {
        seconds.observe({ kind, outcome }, (performance.now() - begun) / 1000);
      }
    },
    leader: (is) => leads.set({}, is ? 1 : 0),
    published: (kind) => published.inc({ kind }),
    watchRestarted: (kind) => restarts.inc({ kind }),
  };
}
