import type { Metrics } from '@sallyport/chassis/metrics';
import type { TokenFaultReason } from './tokens/token-fault.ts';

/** What identity counts. */
export interface IdentityMetrics {
  /** Secrets presented, by outcome: accepted, refused, failed. */
  authenticated(outcome: 'accepted' | 'refused' | 'failed'): void;
  /** Tokens refused, by the guard that did. */
  tokenRefused(reason: TokenFaultReason): void;
  /** Administrative changes by operation, when they succeed. */
  changed(operation: string): void;
}

/** Registers identity's metrics. */
export function identityMetrics(metrics: Metrics): IdentityMetrics {
  const authentications = metrics.counter('authentications_total', 'Secrets presented, by outcome.', ['outcome']);
  const tokens = metrics.counter('tokens_refused_total', 'Tokens refused, by reason.', ['reason']);
  const changes = metrics.counter('key_changes_total', 'Changes to virtual keys, by operation.', ['operation']);
  return {
    authenticated: (outcome) => authentications.inc({ outcome }),
    tokenRefused: (reason) => tokens.inc({ reason }),
    changed: (operation) => changes.inc({ operation }),
  };
}
