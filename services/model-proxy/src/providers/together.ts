import { openAiAlike } from './openai-alike.ts';

/** Together AI (docs.together.ai). */
export const together = openAiAlike({
  id: 'together',
  baseURL: 'https://api.together.xyz/v1',
  serves: ['completions', 'embeddings', 'rerank', 'imageGenerations', 'transcriptions', 'speech'],
  priceList: 'together',
  capabilities: { logprobs: true, seed: true, severalAnswers: true, streaming: true },
  oldTokenLimit: true,
  topK: true,
  differs: { lacks: ['parallel_tool_calls'], readsReasoning: true },
});
