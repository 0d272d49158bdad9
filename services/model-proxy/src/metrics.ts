import type { Metrics } from '@sallyport/chassis/metrics';
import { routingMetrics } from './routing/metrics.ts';
import type { RoutingState } from './routing/state.ts';

const LATENCY_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** Metrics of model-proxy. Labels are bounded: endpoint, provider name, public model, outcome. */
export function proxyMetrics(metrics: Metrics, routing: RoutingState) {
  return {
    turns: metrics.counter('turns_total', 'Turns by endpoint and outcome.', ['endpoint', 'outcome']),
    modelCalls: metrics.counter('model_calls_total', 'Model calls by provider, model and outcome.', [
      'provider',
      'model',
      'outcome',
    ]),
    callSeconds: metrics.histogram(
      'model_call_duration_seconds',
      'Duration of model calls.',
      ['provider', 'model'],
      LATENCY_SECONDS,
    ),
    firstTokenSeconds: metrics.histogram(
      'first_token_seconds',
      'Time to the first token of streamed model calls.',
      ['provider', 'model'],
      LATENCY_SECONDS,
    ),
    tokens: metrics.counter('tokens_total', 'Tokens by model and kind.', ['model', 'kind']),
    decisions: metrics.counter('tool_decisions_total', 'Tool decisions by verdict and enforced action.', [
      'verdict',
      'enforced',
    ]),
    lostReleases: metrics.counter('releases_lost_total', 'What was released and policy never heard of.', []),
    cacheLookups: metrics.counter('cache_lookups_total', 'Answers looked for, by model and outcome.', [
      'model',
      'outcome',
    ]),
    cacheAway: metrics.counter('cache_away_total', 'Failures of the store that keeps answers.', []),
    savedUsd: metrics.counter(
      'saved_usd_total',
      'USD not paid because of an answer that was kept here, or of a prompt that the provider kept.',
      ['model', 'by'],
    ),
    ...routingMetrics(metrics, routing),
  };
}

/** What `proxyMetrics` makes. */
export type ProxyMetrics = ReturnType<typeof proxyMetrics>;
