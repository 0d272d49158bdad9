import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Novita AI (novita.ai/docs). */
export const novita = defineProvider({
  id: 'novita',
  wire: 'openai-chat',
  baseURL: 'https://api.novita.ai/openai/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', completions: '/completions', embeddings: '/embeddings' },
  priceList: 'novita',
  capabilities: { logprobs: true, seed: true, n: true, streaming: true },
  failureCodes: {
    RATE_LIMIT_EXCEEDED: 'rate_limited',
    NOT_ENOUGH_BALANCE: 'billing',
    MODEL_NOT_FOUND: 'not_found',
    INVALID_API_KEY: 'auth',
    FAILED_TO_AUTH: 'auth',
  },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: {
      lacks: ['parallel_tool_calls'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
    },
  },
});
