import { openAiAlike } from './openai-alike.ts';

/** GitHub Models (docs.github.com/github-models). */
export const githubModels = openAiAlike({
  id: 'github-models',
  baseURL: 'https://models.github.ai',
  headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2026-03-10' },
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
  oldTokenLimit: true,
  differs: { drops: ['user'] },
});
