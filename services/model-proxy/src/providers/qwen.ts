import { openAiAlike } from './openai-alike.ts';

/**
 * Alibaba's Model Studio in its OpenAI-compatible mode (help.aliyun.com/zh/model-studio); elsewhere than Singapore by `baseURL`.
 */
export const qwen = openAiAlike({
  id: 'qwen',
  baseURL: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  serves: ['embeddings'],
  capabilities: { seed: true, severalAnswers: true, streaming: true },
  failureCodes: {
    Throttling: 'rate_limited',
    'Throttling.RateQuota': 'rate_limited',
    'Throttling.AllocationQuota': 'rate_limited',
    limit_requests: 'rate_limited',
    Arrearage: 'billing',
    InvalidApiKey: 'auth',
    data_inspection_failed: 'content_policy',
    DataInspectionFailed: 'content_policy',
  },
  oldTokenLimit: true,
  topK: true,
  cacheMarks: true,
  differs: { lacks: ['logit_bias'], reasoning: 'enable_thinking', drops: ['user'] },
});
