import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** GitHub Models (docs.github.com/github-models). */
export const githubModels = defineProvider({
  id: 'github-models',
  wire: 'openai-chat',
  baseURL: 'https://models.github.ai',
  auth: bearer,
  headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2026-03-10' },
  passHeaders: [],
  paths: { chat: '/inference/chat/completions', models: '/catalog/models', embeddings: '/inference/embeddings' },
  capabilities: { streaming: true },
  failureCodes: {
    ratelimitreached: 'rate_limited',
    RateLimitReached: 'rate_limited',
    tokens_limit_reached: 'context_length',
    unauthorized: 'auth',
    unknown_model: 'not_found',
    unavailable_model: 'not_found',
  },
  quirks: {
    maxTokensField: 'max_tokens',
    differs: { drops: ['store', 'service_tier', 'metadata', 'user'], renames: { max_completion_tokens: 'max_tokens' } },
  },
});
