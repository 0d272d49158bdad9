import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** DeepInfra (deepinfra.com/docs). It takes `tool_choice` as auto or none, and results of tools as strings. */
export const deepinfra = defineProvider({
  id: 'deepinfra',
  wire: 'openai-chat',
  baseURL: 'https://api.deepinfra.com/v1/openai',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', completions: '/completions', embeddings: '/embeddings' },
  capabilities: { toolChoice: false, seed: true, n: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: {
      lacks: ['parallel_tool_calls'],
      drops: ['store', 'service_tier', 'metadata'],
      renames: { max_completion_tokens: 'max_tokens' },
      toolChoices: ['auto', 'none'],
      plainText: 'results',
    },
  },
});
