import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * Moonshot AI's Kimi (platform.moonshot.ai). It cannot be made to call some tool, and tells usage inside of the answer.
 */
export const moonshot = defineProvider({
  id: 'moonshot',
  wire: 'openai-chat',
  baseURL: 'https://api.moonshot.ai/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models' },
  priceList: 'moonshotai',
  capabilities: { logprobs: false, seed: false, n: true, promptCache: true, streaming: true },
  failureCodes: {
    rate_limit_reached_error: 'rate_limited',
    engine_overloaded_error: 'overloaded',
    exceeded_current_quota_error: 'billing',
    invalid_authentication_error: 'auth',
    resource_not_found_error: 'not_found',
  },
  quirks: {
    maxTokensField: 'max_tokens',
    reasoningField: 'reasoning_content',
    differs: {
      lacks: ['parallel_tool_calls', 'logprobs', 'top_logprobs', 'logit_bias', 'seed'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      toolChoices: ['auto', 'none', 'tool'],
      maxStops: 5,
    },
  },
});
