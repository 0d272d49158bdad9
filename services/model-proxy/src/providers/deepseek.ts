import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** DeepSeek (api-docs.deepseek.com). */
export const deepseek = defineProvider({
  id: 'deepseek',
  wire: 'openai-chat',
  baseURL: 'https://api.deepseek.com',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models' },
  priceList: 'deepseek',
  capabilities: { jsonSchema: false, logprobs: true, seed: false, n: false, promptCache: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    reasoningField: 'reasoning_content',
    differs: {
      lacks: ['parallel_tool_calls', 'logit_bias', 'n', 'seed'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      maxStops: 16,
      lacksJsonSchema: true,
      plainText: 'results',
      reasoning: 'thinking',
    },
  },
});
