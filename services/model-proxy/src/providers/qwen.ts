import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * Alibaba's Model Studio in its OpenAI-compatible mode (help.aliyun.com/zh/model-studio); elsewhere than Singapore by `baseURL`.
 */
export const qwen = defineProvider({
  id: 'qwen',
  wire: 'openai-chat',
  baseURL: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', embeddings: '/embeddings' },
  capabilities: { seed: true, n: true, streaming: true },
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
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    cacheMarks: true,
    differs: {
      lacks: ['logit_bias'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      reasoning: 'enable_thinking',
    },
  },
});
