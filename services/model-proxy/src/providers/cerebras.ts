import { openAiAlike } from './openai-alike.ts';

/** Cerebras Inference (inference-docs.cerebras.ai). */
export const cerebras = openAiAlike({
  id: 'cerebras',
  baseURL: 'https://api.cerebras.ai/v1',
  serves: ['completions'],
  priceList: 'cerebras',
  capabilities: { seed: true, severalAnswers: false, streaming: true },
  failureCodes: {
    request_quota_exceeded: 'rate_limited',
    token_quota_exceeded: 'rate_limited',
    queue_exceeded: 'overloaded',
    wrong_api_key: 'auth',
  },
  takes: ['service_tier'],
  differs: { lacks: ['frequency_penalty', 'presence_penalty', 'logit_bias', 'n'] },
});
