import { type Metrics, type Tally, tally } from '@sallyport/chassis/metrics';
import type { Decision } from '@sallyport/turn/decision';
import type { Snapshot } from './snapshot/tenant.ts';

/** What policy counts beside what the chassis does. */
export interface PolicyMetrics {
  decided(phase: 'call' | 'list' | 'result', decision: Decision): void;
  compiled(snapshot: Snapshot, milliseconds: number): void;
  leased(outcome: 'granted' | 'exhausted' | 'unlimited' | 'failed_open' | 'failed_closed'): void;
}

/** Registers the metrics of policy. */
export function policyMetrics(metrics: Metrics): PolicyMetrics {
  const decisions = metrics.counter('decisions_total', 'Decisions by phase, verdict and what was done.', [
    'phase',
    'verdict',
    'enforced',
    'source',
  ]);
  const compile = metrics.histogram(
    'snapshot_compile_seconds',
    'Time to compile a snapshot.',
    [],
    [0.001, 0.01, 0.1, 1, 10],
  );
  const caughtUp = metrics.gauge('snapshot_caught_up', '1: the snapshot in force came from the operator.');
  const leases = metrics.counter('leases_total', 'Answers to lease requests.', ['outcome']);
  // Two are counted at every tool call: each is bound to its labels once.
  const tallies = new Map<string, Tally>();
  return {
    decided(phase, { verdict, enforced, rule }) {
      const source = rule.startsWith('builtin/') ? 'builtin' : 'policy';
      const key = `${phase} ${verdict} ${enforced} ${source}`;
      const counted = tallies.get(key) ?? tally(decisions, { phase, verdict, enforced, source });
      tallies.set(key, counted);
      counted.inc();
    },
    compiled(snapshot, milliseconds) {
      compile.observe(milliseconds / 1000);
      caughtUp.set(snapshot.caughtUp ? 1 : 0);
    },
    leased: (outcome) => leases.inc({ outcome }),
  };
}
