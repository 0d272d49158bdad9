import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Cerebras Inference (inference-docs.cerebras.ai). */
export const cerebras = defineProvider({
  id: 'cerebras',
  wire: 'openai-chat',
  baseURL: 'https://api.cerebras.ai/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', completions: '/completions' },
  priceList: 'cerebras',
  capabilities: { seed: true, n: false, streaming: true },
  failureCodes: {
    request_quota_exceeded: 'rate_limited',
    token_quota_exceeded: 'rate_limited',
    queue_exceeded: 'overloaded',
    wrong_api_key: 'auth',
  },
  quirks: {
    maxTokensField: 'max_completion_tokens',
    differs: { lacks: ['frequency_penalty', 'presence_penalty', 'logit_bias', 'n'], drops: ['store', 'metadata'] },
  },
});
