import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** SambaNova Cloud (docs.sambanova.ai). */
export const sambanova = defineProvider({
  id: 'sambanova',
  wire: 'openai-chat',
  baseURL: 'https://api.sambanova.ai/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    embeddings: '/embeddings',
    transcriptions: '/audio/transcriptions',
  },
  capabilities: { logprobs: false, seed: false, n: false, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: {
      lacks: ['logprobs', 'top_logprobs', 'logit_bias', 'n', 'seed', 'presence_penalty', 'frequency_penalty'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      plainText: 'messages',
    },
  },
});
