import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * Databricks Model Serving (docs.databricks.com), in one workspace. Empty texts are refused, parallel results are not.
 */
export const databricks = defineProvider({
  id: 'databricks',
  wire: 'openai-chat',
  baseURLExample: 'https://WORKSPACE.cloud.databricks.com',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/serving-endpoints/chat/completions',
    models: '/api/2.0/serving-endpoints',
    completions: '/serving-endpoints/completions',
    embeddings: '/serving-endpoints/embeddings',
  },
  capabilities: { n: true, streaming: true },
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
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: {
      lacks: ['parallel_tool_calls', 'logit_bias'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      lacksStrict: true,
      lacksNames: true,
    },
  },
});
