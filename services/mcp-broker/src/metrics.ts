import type { Metrics } from '@sallyport/chassis/metrics';

/** Metrics of mcp-broker. Labels are bounded: ToolServer name, method, outcome; never tool arguments or users. */
export function brokerMetrics(metrics: Metrics) {
  return {
    requests: metrics.counter('mcp_requests_total', 'MCP requests by method and outcome.', ['method', 'outcome']),
    toolCalls: metrics.counter('tool_calls_total', 'Calls to tool servers by server and outcome.', [
      'server',
      'outcome',
    ]),
    toolSeconds: metrics.histogram('tool_call_duration_seconds', 'Duration of calls to tool servers.', ['server']),
    decisions: metrics.counter('tool_decisions_total', 'Tool decisions by verdict and enforced action.', [
      'verdict',
      'enforced',
    ]),
    approvals: metrics.counter('approval_waits_total', 'Calls that waited for people, by how they stood at the end.', [
      'state',
    ]),
    listings: metrics.counter('server_listings_total', 'Listings of tool servers by outcome.', ['outcome']),
    held: metrics.gauge('held_definitions', 'Tools whose changed definition waits for review.', []),
  };
}

/** What `brokerMetrics` makes. */
export type BrokerMetrics = ReturnType<typeof brokerMetrics>;
