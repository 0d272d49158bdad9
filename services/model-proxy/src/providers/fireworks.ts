import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Fireworks AI (docs.fireworks.ai). */
export const fireworks = defineProvider({
  id: 'fireworks',
  wire: 'openai-chat',
  baseURL: 'https://api.fireworks.ai/inference/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    rerank: '/rerank',
  },
  priceList: 'fireworks',
  capabilities: { logprobs: true, seed: true, n: true, jsonSchema: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    reasoningField: 'reasoning_content',
    differs: { drops: ['store', 'metadata'], renames: { max_completion_tokens: 'max_tokens' } },
  },
});
