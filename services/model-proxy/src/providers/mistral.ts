import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * Mistral's own API (docs.mistral.ai/api). It refuses fields that it does not know, and tells usage on streams unasked.
 */
export const mistral = defineProvider({
  id: 'mistral',
  wire: 'openai-chat',
  baseURL: 'https://api.mistral.ai/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    embeddings: '/embeddings',
    moderations: '/moderations',
    transcriptions: '/audio/transcriptions',
  },
  priceList: 'mistral',
  capabilities: { logprobs: false, seed: true, n: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    differs: {
      lacks: ['logprobs', 'top_logprobs', 'logit_bias'],
      drops: ['stream_options', 'user', 'store', 'service_tier', 'metadata'],
      renames: { max_completion_tokens: 'max_tokens', seed: 'random_seed' },
      lacksNames: true,
    },
  },
});
