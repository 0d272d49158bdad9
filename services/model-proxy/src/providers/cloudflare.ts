import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Cloudflare Workers AI (developers.cloudflare.com/workers-ai), in one account. */
export const cloudflare = defineProvider({
  id: 'cloudflare',
  wire: 'openai-chat',
  baseURLExample: 'https://api.cloudflare.com/client/v4/accounts/ACCOUNT/ai',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/v1/chat/completions', models: '/models/search', embeddings: '/v1/embeddings' },
  priceList: 'cloudflare',
  capabilities: { logprobs: false, seed: true, n: false, streaming: true },
  failureCodes: {
    '7000': 'not_found',
    '7003': 'not_found',
    '10000': 'auth',
    '3036': 'rate_limited',
    '3040': 'overloaded',
    '5007': 'not_found',
  },
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: {
      lacks: ['parallel_tool_calls', 'logprobs', 'top_logprobs', 'logit_bias', 'n'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      lacksNullContent: true,
    },
  },
});
