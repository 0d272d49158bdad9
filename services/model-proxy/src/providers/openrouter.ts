import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * OpenRouter (openrouter.ai/docs), a gateway to many. Models with `:online` behind their name search the web by themselves.
 */
export const openrouter = defineProvider({
  id: 'openrouter',
  wire: 'openai-chat',
  baseURL: 'https://openrouter.ai/api/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', completions: '/completions', embeddings: '/embeddings' },
  priceList: 'openrouter',
  capabilities: { streaming: true },
  retrieves: (model) => model.endsWith(':online') || /^perplexity\/|deep-research/.test(model),
  attribution: {
    body: { user: 'user', customer: 'trace.customer', teams: 'trace.team', key: 'trace.key', tags: 'trace.tags' },
  },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    cacheMarks: true,
    reasoningDetails: true,
    differs: { withheld: ['models', 'route'], reasoning: 'reasoning' },
  },
});
