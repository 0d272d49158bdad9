import { openAiAlike } from './openai-alike.ts';

/**
 * Moonshot AI's Kimi (platform.moonshot.ai). It cannot be made to call some tool, and tells usage inside of the answer.
 */
export const moonshot = openAiAlike({
  id: 'moonshot',
  baseURL: 'https://api.moonshot.ai/v1',
  priceList: 'moonshotai',
  capabilities: {
    toolChoice: false,
    logprobs: false,
    seed: false,
    severalAnswers: true,
    promptCache: true,
    streaming: true,
  },
  failureCodes: {
    rate_limit_reached_error: 'rate_limited',
    engine_overloaded_error: 'overloaded',
    exceeded_current_quota_error: 'billing',
    invalid_authentication_error: 'auth',
    resource_not_found_error: 'not_found',
  },
  oldTokenLimit: true,
  reasoningField: 'reasoning_content',
  differs: {
    lacks: ['parallel_tool_calls', 'logprobs', 'top_logprobs', 'logit_bias', 'seed'],
    toolChoices: ['auto', 'none', 'tool'],
    maxStops: 5,
    drops: ['user'],
  },
});
