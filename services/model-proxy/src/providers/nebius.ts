import { openAiAlike } from './openai-alike.ts';

/** Nebius Token Factory (docs.tokenfactory.nebius.com). */
export const nebius = openAiAlike({
  id: 'nebius',
  baseURL: 'https://api.tokenfactory.nebius.com/v1',
  serves: ['completions', 'embeddings', 'imageGenerations'],
  capabilities: { logprobs: true, seed: true, severalAnswers: true, streaming: true },
  oldTokenLimit: true,
  topK: true,
});
