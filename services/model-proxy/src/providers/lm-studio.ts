import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** LM Studio's server (lmstudio.ai/docs). It knows no words for a forced choice of one tool. */
export const lmStudio = defineProvider({
  id: 'lm-studio',
  wire: 'openai-chat',
  baseURLExample: 'http://workstation.example:1234/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', completions: '/completions', embeddings: '/embeddings' },
  capabilities: { jsonSchema: true, n: false, seed: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: {
      lacks: ['parallel_tool_calls', 'logprobs', 'top_logprobs', 'n'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      toolChoices: ['auto', 'none', 'required'],
    },
  },
});
