import { openAiAlike } from './openai-alike.ts';

/**
 * MiniMax (platform.minimax.io). Its failures come with status 200, and its last chunk says the whole answer again.
 */
export const minimax = openAiAlike({
  id: 'minimax',
  baseURL: 'https://api.minimax.io/v1',
  priceList: 'minimax',
  capabilities: {
    toolChoice: false,
    jsonSchema: false,
    logprobs: false,
    seed: false,
    severalAnswers: false,
    streaming: true,
  },
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
  cacheMarks: true,
  reasoningDetails: true,
  differs: {
    lacks: ['parallel_tool_calls', 'logprobs', 'top_logprobs', 'logit_bias', 'n', 'seed'],
    toolChoices: ['auto', 'none'],
    lacksJsonSchema: true,
    reasoning: 'adaptiveThinking',
    drops: ['user'],
  },
});
