import { openAiAlike } from './openai-alike.ts';

/**
 * OpenRouter (openrouter.ai/docs), a gateway to many. Models with `:online` behind their name search the web by themselves.
 */
export const openrouter = openAiAlike({
  id: 'openrouter',
  baseURL: 'https://openrouter.ai/api/v1',
  serves: ['completions', 'embeddings'],
  priceList: 'openrouter',
  capabilities: { streaming: true },
  retrieves: (model) => model.endsWith(':online') || /^perplexity\/|deep-research/.test(model),
  attribution: {
    body: { user: 'user', customer: 'trace.customer', teams: 'trace.team', key: 'trace.key', tags: 'trace.tags' },
  },
  maxTokensField: 'max_tokens',
  takes: 'all',
  topK: true,
  cacheMarks: true,
  reasoningDetails: true,
  differs: {
    attributing: ['trace', 'session_id', 'metadata'],
    withheld: ['models', 'route', 'preset'],
    reasoning: 'reasoning',
  },
});
