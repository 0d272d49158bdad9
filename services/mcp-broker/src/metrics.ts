import { type Metrics, type Tally, type Timing, tally, timing } from '@sallyport/chassis/metrics';

/** Metrics of mcp-broker. Labels are bounded: ToolServer name, method, outcome; never tool arguments or users. */
export function brokerMetrics(metrics: Metrics) {
  const requests = metrics.counter('mcp_requests_total', 'MCP requests by method and outcome.', ['method', 'outcome']);
  const toolCalls = metrics.counter('tool_calls_total', 'Calls to tool servers by server and outcome.', [
    'server',
    'outcome',
  ]);
  const toolSeconds = metrics.histogram('tool_call_duration_seconds', 'Duration of calls to tool servers.', ['server']);
  const decisions = metrics.counter('tool_decisions_total', 'Tool decisions by verdict and enforced action.', [
    'verdict',
    'enforced',
  ]);
  return {
    // What is counted at every call is bound to its labels once.
    requests: pairs((method, outcome) => tally(requests, { method, outcome })),
    toolCalls: pairs((server, outcome) => tally(toolCalls, { server, outcome })),
    toolSeconds: pairs((server): Timing => timing(toolSeconds, { server })),
    decisions: pairs((verdict, enforced) => tally(decisions, { verdict, enforced })),
    approvals: metrics.counter('approval_waits_total', 'Calls that waited for people, by how they stood at the end.', [
      'state',
    ]),
    opened: metrics.counter(
      'server_breaker_opened_total',
      'Times that calls of a tool server failed so that it is left alone.',
      ['server'],
    ),
    retries: metrics.counter('tool_call_retries_total', 'Calls of tools that were made again.', ['server']),
    listings: metrics.counter('server_listings_total', 'Listings of tool servers by outcome.', ['outcome']),
    held: metrics.gauge('held_definitions', 'Tools whose definition waits for review.', []),
    suspicious: metrics.gauge('suspicious_definitions', 'Tools with something suspicious in their definition.', [
      'code',
    ]),
    listTokens: metrics.counter(
      'tool_list_tokens_total',
      'Estimated tokens of the definitions that lists gave, and of those that a list of search tools left out.',
      ['list'],
    ),
    searches: metrics.counter('tool_searches_total', 'Searches for tools, by whether something was found.', ['found']),
    definitionTokens: metrics.gauge(
      'definition_tokens',
      'What the definitions of all tools take in the context of a model, estimated.',
      [],
    ),
  };
}

/** Makes something once for each pair of labels. */
function pairs<T extends Tally | Timing>(make: (a: string, b: string) => T): (a: string, b?: string) => T {
  const made = new Map<string, Map<string, T>>();
  return (a, b = '') => {
    const known = made.get(a)?.get(b);
    if (known !== undefined) return known;
    const fresh = make(a, b);
    made.set(a, (made.get(a) ?? new Map<string, T>()).set(b, fresh));
    return fresh;
  };
}

/** What `brokerMetrics` makes. */
export type BrokerMetrics = ReturnType<typeof brokerMetrics>;
