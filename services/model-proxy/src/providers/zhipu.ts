import { openAiAlike } from './openai-alike.ts';

/** Z.ai, Zhipu's GLM (docs.z.ai); in China by `baseURL: https://open.bigmodel.cn/api/paas/v4`. */
export const zhipu = openAiAlike({
  id: 'zhipu',
  baseURL: 'https://api.z.ai/api/paas/v4',
  serves: ['embeddings', 'imageGenerations'],
  priceList: 'zai',
  capabilities: { toolChoice: false, jsonSchema: false, logprobs: false, seed: false, n: false, streaming: true },
  failureCodes: {
    '1000': 'auth',
    '1001': 'auth',
    '1002': 'auth',
    '1003': 'auth',
    '1113': 'billing',
    '1211': 'not_found',
    '1261': 'context_length',
    '1301': 'content_policy',
    '1302': 'rate_limited',
    '1303': 'rate_limited',
    '1305': 'overloaded',
    '1308': 'rate_limited',
  },
  oldTokenLimit: true,
  reasoningField: 'reasoning_content',
  differs: {
    lacks: [
      'parallel_tool_calls',
      'logprobs',
      'top_logprobs',
      'logit_bias',
      'n',
      'seed',
      'frequency_penalty',
      'presence_penalty',
    ],
    maxStops: 1,
    toolChoices: ['auto'],
    lacksJsonSchema: true,
    reasoning: 'thinking',
    drops: ['user'],
  },
});
