import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** llama.cpp's server (github.com/ggml-org/llama.cpp). */
export const llamaCpp = defineProvider({
  id: 'llama-cpp',
  wire: 'openai-chat',
  baseURLExample: 'http://llama.models.svc:8080/v1',
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
  capabilities: { jsonSchema: true, logprobs: true, seed: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: { drops: ['store', 'service_tier', 'metadata', 'user'], renames: { max_completion_tokens: 'max_tokens' } },
  },
});
