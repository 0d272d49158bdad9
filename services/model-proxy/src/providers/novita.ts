import { openAiAlike } from './openai-alike.ts';

/** Novita AI (novita.ai/docs). */
export const novita = openAiAlike({
  id: 'novita',
  baseURL: 'https://api.novita.ai/openai/v1',
  serves: ['completions', 'embeddings'],
  priceList: 'novita',
  capabilities: { logprobs: true, seed: true, severalAnswers: true, streaming: true },
  failureCodes: {
    RATE_LIMIT_EXCEEDED: 'rate_limited',
    NOT_ENOUGH_BALANCE: 'billing',
    MODEL_NOT_FOUND: 'not_found',
    INVALID_API_KEY: 'auth',
    FAILED_TO_AUTH: 'auth',
  },
  oldTokenLimit: true,
  topK: true,
  differs: { lacks: ['parallel_tool_calls'], drops: ['user'] },
});
