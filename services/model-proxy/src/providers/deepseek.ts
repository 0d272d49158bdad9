import { openAiAlike } from './openai-alike.ts';

/** DeepSeek (api-docs.deepseek.com). */
export const deepseek = openAiAlike({
  id: 'deepseek',
  baseURL: 'https://api.deepseek.com',
  priceList: 'deepseek',
  capabilities: {
    jsonSchema: false,
    logprobs: true,
    seed: false,
    severalAnswers: false,
    promptCache: true,
    streaming: true,
  },
  oldTokenLimit: true,
  reasoningField: 'reasoning_content',
  differs: {
    lacks: ['parallel_tool_calls', 'logit_bias', 'n', 'seed'],
    maxStops: 16,
    lacksJsonSchema: true,
    plainText: 'results',
    reasoning: 'thinking',
    drops: ['user'],
  },
});
