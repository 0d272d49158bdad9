import type { Metrics } from '@sallyport/chassis/metrics';

/** What identity counts. */
export interface IdentityMetrics {
  /** Secrets presented, by outcome: accepted, refused, failed. */
  authenticated(outcome: 'accepted' | 'refused' | 'failed'): void;
  /** Administrative changes by operation, when they succeed. */
  changed(operation: string): void;
}

/** Registers identity's metrics. */
export function identityMetrics(metrics: Metrics): IdentityMetrics {
  const authentications = metrics.counter('authentications_total', 'Secrets presented, by outcome.', ['outcome']);
  const changes = metrics.counter('key_changes_total', 'Changes to virtual keys, by operation.', ['operation']);
  return {
    authenticated: (outcome) => authentications.inc({ outcome }),
    changed: (operation) => changes.inc({ operation }),
  };
}
