import { openAiAlike } from './openai-alike.ts';

/**
 * Databricks Model Serving (docs.databricks.com), in one workspace. Empty texts are refused, parallel results are not.
 */
export const databricks = openAiAlike({
  id: 'databricks',
  baseURLExample: 'https://WORKSPACE.cloud.databricks.com',
  paths: {
    chat: '/serving-endpoints/chat/completions',
    models: '/api/2.0/serving-endpoints',
    completions: '/serving-endpoints/completions',
    embeddings: '/serving-endpoints/embeddings',
  },
  capabilities: { severalAnswers: true, streaming: true },
  failureCodes: {
    REQUEST_LIMIT_EXCEEDED: 'rate_limited',
    TEMPORARILY_UNAVAILABLE: 'overloaded',
    RESOURCE_DOES_NOT_EXIST: 'not_found',
    ENDPOINT_NOT_FOUND: 'not_found',
    PERMISSION_DENIED: 'permission',
    UNAUTHENTICATED: 'auth',
    BAD_REQUEST: 'invalid_request',
    INVALID_PARAMETER_VALUE: 'invalid_request',
  },
  oldTokenLimit: true,
  topK: true,
  differs: { lacks: ['parallel_tool_calls', 'logit_bias'], lacksStrict: true, lacksNames: true, drops: ['user'] },
});
