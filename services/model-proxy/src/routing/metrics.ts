import type { Metrics } from '@sallyport/chassis/metrics';
import type { RoutingState, TargetState } from './state.ts';

const TARGET = ['tenant', 'provider', 'upstream_model'] as const;
const PHASES = { closed: 0, 'half-open': 1, open: 2 } as const;

/** Metrics of routing. Names of providers and of models at them are declared, so the labels are bounded. */
export function routingMetrics(metrics: Metrics, state: RoutingState) {
  const gauge = (name: string, help: string, read: (one: TargetState) => number) =>
    metrics.gauge(name, help, TARGET, () =>
      state.targets().map((one) => ({
        labels: { tenant: one.tenant, provider: one.provider, upstream_model: one.model },
        value: read(one),
      })),
    );
  gauge('target_breaker_state', 'Breakers of targets: 0 closed, 1 half-open, 2 open.', (one) => {
    return PHASES[one.breaker.phase(state.now())];
  });
  gauge('target_in_flight', 'Calls under way by target.', (one) => one.inFlight);
  gauge('target_queued', 'Requests that wait for a place in a target.', (one) => one.queue.size());
  return {
    fallbacks: metrics.counter('fallbacks_total', 'Requests that went on to a further target.', ['model', 'cause']),
    retries: metrics.counter('retries_total', 'Further attempts at the same target.', ['provider', 'cause']),
    keyRotations: metrics.counter('key_rotations_total', 'Calls whose key was limited or refused.', [
      'provider',
      'cause',
    ]),
  };
}
