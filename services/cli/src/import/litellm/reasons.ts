const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^aws_(role|profile|session_name|web_identity)/, 'calls are signed with an access key'],
  [/^(master_key|ui_|admin)/, 'administrators are VirtualKeys of role Admin or groups of an IdentityProvider'],
  [
    /callback|langfuse|prometheus|^otel|turn_off_message_logging|redact|log/,
    'records go to audit, metrics to /metrics, traces where the chart says',
  ],
  [
    /^database|redis|store_model_in_db|key_management|^use_.*(kms|vault)/,
    'Postgres, Redis and keys for sealing are set in the chart',
  ],
  [/guardrail|moderation|presidio/, 'a Guardrail or ToolPolicy is written by hand'],
  [/^(alerting|alert|slack|email)/, 'alerts are made of metrics'],
  [/jwt|sso|oauth|custom_auth|role/, 'an IdentityProvider is written by hand'],
  [/^mcp_|^tools$|tool/, 'tool servers are ToolServers'],
  [/pass_through/, 'an AccessPolicy opens /passthrough for a ModelProvider'],
  [/budget/, 'a Limit is written by hand'],
  [/(cost|price)/, 'such a price has no field'],
  [/^(router_weights|routing_groups|provider_budget_config|allowed_fails_policy)$/, 'has no counterpart in a Model'],
  [/headers?$/, 'headers of calls are those of the declared provider'],
  [/^mock_/, 'nothing is made up here'],
];

/** Why a setting that is not read was not carried over. */
export function reasonFor(name: string): string {
  return REASONS.find(([pattern]) => pattern.test(name))?.[1] ?? 'has no counterpart, or none that is known here';
}

/** Settings that change nothing in how requests are answered: they are taken and forgotten. */
export const INFORMATIONAL: readonly string[] = [
  'description',
  'mode',
  'litellm_provider',
  'db_model',
  'created_at',
  'updated_at',
  'created_by',
  'updated_by',
  'supports_system_messages',
];
