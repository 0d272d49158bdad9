import { openAiAlike } from './openai-alike.ts';

/** Cloudflare Workers AI (developers.cloudflare.com/workers-ai), in one account. */
export const cloudflare = openAiAlike({
  id: 'cloudflare',
  baseURLExample: 'https://api.cloudflare.com/client/v4/accounts/ACCOUNT/ai',
  paths: { chat: '/v1/chat/completions', models: '/models/search', embeddings: '/v1/embeddings' },
  priceList: 'cloudflare',
  capabilities: { logprobs: false, seed: true, severalAnswers: false, streaming: true },
  failureCodes: {
    '3036': 'rate_limited',
    '3040': 'overloaded',
    '5007': 'not_found',
    '7000': 'not_found',
    '7003': 'not_found',
    '10000': 'auth',
  },
  oldTokenLimit: true,
  topK: true,
  differs: {
    lacks: ['parallel_tool_calls', 'logprobs', 'top_logprobs', 'logit_bias', 'n'],
    lacksNullContent: true,
    drops: ['user'],
  },
});
