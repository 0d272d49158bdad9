import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * MiniMax (platform.minimax.io). Its failures come with status 200, and its last chunk says the whole answer again.
 */
export const minimax = defineProvider({
  id: 'minimax',
  wire: 'openai-chat',
  baseURL: 'https://api.minimax.io/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models' },
  priceList: 'minimax',
  capabilities: { toolChoice: false, jsonSchema: false, logprobs: false, seed: false, n: false, streaming: true },
  failureCodes: {
    '1001': 'timeout',
    '1002': 'rate_limited',
    '1004': 'auth',
    '1008': 'billing',
    '1013': 'server_error',
    '1024': 'server_error',
    '1026': 'content_policy',
    '1027': 'content_policy',
    '1039': 'rate_limited',
    '2013': 'invalid_request',
    '2049': 'auth',
  },
  quirks: {
    maxTokensField: 'max_completion_tokens',
    cacheMarks: true,
    reasoningDetails: true,
    differs: {
      lacks: ['parallel_tool_calls', 'logprobs', 'top_logprobs', 'logit_bias', 'n', 'seed'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      toolChoices: ['auto', 'none'],
      lacksJsonSchema: true,
      reasoning: 'adaptiveThinking',
    },
  },
});
