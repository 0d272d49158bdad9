import type { Metrics } from '@sallyport/chassis/metrics';

/** What audit counts. */
export interface AuditMetrics {
  committed(rows: number): void;
  refused(): void;
}

/** Registers audit's metrics. */
export function auditMetrics(metrics: Metrics): AuditMetrics {
  const commits = metrics.counter('commits_total', 'Commits of records.');
  const records = metrics.counter('records_total', 'Records committed, repeated ones included.');
  const refused = metrics.counter('records_refused_total', 'Records that could not be kept: no id or no tenant.');
  return {
    committed(rows) {
      commits.inc();
      records.inc(rows);
    },
    refused: () => refused.inc(),
  };
}
