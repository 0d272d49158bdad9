import type { Metrics } from '@sallyport/chassis/metrics';

/** What vault counts. */
export interface VaultMetrics {
  /** Leases asked for, by caller and by outcome: given, or the code of the error. */
  leased(caller: string, outcome: string): void;
  /** Changes by operation, when they succeed. */
  changed(operation: string): void;
}

/** Registers vault's metrics. */
export function vaultMetrics(metrics: Metrics): VaultMetrics {
  const leases = metrics.counter('leases_total', 'Leases asked for, by caller and outcome.', ['caller', 'outcome']);
  const changes = metrics.counter('changes_total', 'Changes to secrets and grants, by operation.', ['operation']);
  return {
    leased: (caller, outcome) => leases.inc({ caller, outcome }),
    changed: (operation) => changes.inc({ operation }),
  };
}
