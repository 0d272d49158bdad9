import { openAiAlike } from './openai-alike.ts';

/** DeepInfra (deepinfra.com/docs). It takes `tool_choice` as auto or none, and results of tools as strings. */
export const deepinfra = openAiAlike({
  id: 'deepinfra',
  baseURL: 'https://api.deepinfra.com/v1/openai',
  serves: ['completions', 'embeddings'],
  capabilities: { toolChoice: false, seed: true, severalAnswers: true, streaming: true },
  oldTokenLimit: true,
  topK: true,
  differs: { lacks: ['parallel_tool_calls'], toolChoices: ['auto', 'none'], plainText: 'results' },
});
