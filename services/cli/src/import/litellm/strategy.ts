import type { Findings } from '../findings.ts';
import type { Settings } from '../settings.ts';

const STRATEGIES: Readonly<Record<string, string>> = {
  'simple-shuffle': 'Weighted',
  'least-busy': 'LeastBusy',
  'latency-based-routing': 'LowestLatency',
  'cost-based-routing': 'LowestCost',
};

/** How LiteLLM chooses among deployments, and whether it holds them to their rpm and tpm. */
export interface Choosing {
  readonly strategy: string;
  readonly enforcesRates: boolean;
  readonly tagged: boolean;
}

/** Reads the routing strategy. */
export function choosingOf(router: Settings, findings: Findings): Choosing {
  const said = router.text('routing_strategy') ?? 'simple-shuffle';
  const strategy = STRATEGIES[said] ?? (said.startsWith('usage-based-routing') ? 'LeastBusy' : 'Weighted');
  if (STRATEGIES[said] === undefined) {
    findings.add(
      'changed',
      router.at('routing_strategy'),
      `${said} has no counterpart: ${strategy} was put in its place`,
    );
  }
  const checks = router.texts('optional_pre_call_checks');
  for (const [index, check] of checks.entries()) {
    if (check === 'enforce_model_rate_limits') continue;
    const path = `${router.at('optional_pre_call_checks')}[${index}]`;
    if (check === 'session_affinity' || check === 'deployment_affinity' || check === 'prompt_caching') {
      findings.add('not-carried', path, 'routing.strategy Sticky is the counterpart, in place of the strategy');
    } else findings.add('not-carried', path, 'has no counterpart');
  }
  // Targets that cannot hold a prompt are always passed over.
  router.flag('enable_pre_call_checks');
  // So is every other target of the Model tried before its fallbacks.
  router.flag('enable_weighted_failover');
  return {
    strategy,
    enforcesRates: said === 'usage-based-routing-v2' || checks.includes('enforce_model_rate_limits'),
    tagged: router.flag('enable_tag_filtering') === true,
  };
}
