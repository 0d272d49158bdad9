import { openAiAlike } from './openai-alike.ts';

/** Fireworks AI (docs.fireworks.ai). */
export const fireworks = openAiAlike({
  id: 'fireworks',
  baseURL: 'https://api.fireworks.ai/inference/v1',
  serves: ['completions', 'embeddings', 'rerank'],
  priceList: 'fireworks',
  capabilities: { logprobs: true, seed: true, severalAnswers: true, jsonSchema: true, streaming: true },
  oldTokenLimit: true,
  takes: ['service_tier'],
  topK: true,
  reasoningField: 'reasoning_content',
});
