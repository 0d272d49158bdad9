import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Together AI (docs.together.ai). */
export const together = defineProvider({
  id: 'together',
  wire: 'openai-chat',
  baseURL: 'https://api.together.xyz/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    rerank: '/rerank',
    imageGenerations: '/images/generations',
    transcriptions: '/audio/transcriptions',
    speech: '/audio/speech',
  },
  priceList: 'together',
  capabilities: { logprobs: true, seed: true, n: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: {
      lacks: ['parallel_tool_calls'],
      drops: ['store', 'service_tier', 'metadata'],
      renames: { max_completion_tokens: 'max_tokens' },
    },
  },
});
