import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** xAI (docs.x.ai). Counts of reasoning stand beside those of the answer. */
export const xai = defineProvider({
  id: 'xai',
  wire: 'openai-chat',
  baseURL: 'https://api.x.ai/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', imageGenerations: '/images/generations' },
  priceList: 'x-ai',
  capabilities: { logprobs: true, seed: true, n: true, streaming: true },
  quirks: {
    maxTokensField: 'max_completion_tokens',
    differs: { drops: ['store', 'service_tier', 'metadata'], lacksStrict: true, lacksNames: true },
  },
});
