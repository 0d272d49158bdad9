import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Nebius Token Factory (docs.tokenfactory.nebius.com). */
export const nebius = defineProvider({
  id: 'nebius',
  wire: 'openai-chat',
  baseURL: 'https://api.tokenfactory.nebius.com/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    imageGenerations: '/images/generations',
  },
  capabilities: { logprobs: true, seed: true, n: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: { drops: ['store', 'service_tier', 'metadata'], renames: { max_completion_tokens: 'max_tokens' } },
  },
});
