import type { Metrics } from '@sallyport/chassis/metrics';

/** What vault counts. */
export interface VaultMetrics {
  /** Leases asked for, by caller and by outcome: given, or the code of the error. */
  leased(caller: string, outcome: string): void;
  /** Changes by operation, when they succeed. */
  changed(operation: string): void;
  /** How rotation stands: data keys that still have to go over, and those whose master key is not here. */
  rotation(left: number, unopenable: number): void;
  /** Tokens asked for in the names of people, by way and outcome: ok, or the code of the error. */
  delegated(type: string, outcome: string): void;
  /** An access that could not be kept until it was written. */
  accessLost(): void;
}

/** Registers vault's metrics. */
export function vaultMetrics(metrics: Metrics): VaultMetrics {
  const leases = metrics.counter('leases_total', 'Leases asked for, by caller and outcome.', ['caller', 'outcome']);
  const changes = metrics.counter('changes_total', 'Changes to secrets and grants, by operation.', ['operation']);
  const left = metrics.gauge('data_keys_left', 'Data keys that are not wrapped by the newest master key yet.', []);
  const unopenable = metrics.gauge('data_keys_unopenable', 'Data keys whose master key is not here.', []);
  const delegations = metrics.counter('delegations_total', 'Tokens asked for in the names of people.', [
    'type',
    'outcome',
  ]);
  const lost = metrics.counter('accesses_lost_total', 'Accesses to credentials that could not be recorded.', []);
  return {
    rotation(toGo, missing) {
      left.set(toGo);
      unopenable.set(missing);
    },
    delegated: (type, outcome) => delegations.inc({ type, outcome }),
    accessLost: () => lost.inc(),
    leased: (caller, outcome) => leases.inc({ caller, outcome }),
    changed: (operation) => changes.inc({ operation }),
  };
}
