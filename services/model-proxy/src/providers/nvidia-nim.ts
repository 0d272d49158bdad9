import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** NVIDIA NIM, hosted (docs.api.nvidia.com) or one's own server of it. */
export const nvidiaNim = defineProvider({
  id: 'nvidia-nim',
  wire: 'openai-chat',
  baseURL: 'https://integrate.api.nvidia.com/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', embeddings: '/embeddings', completions: '/completions' },
  capabilities: { seed: true, n: false, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    differs: {
      lacks: ['logit_bias', 'n'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
    },
  },
});
