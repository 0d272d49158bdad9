import { openAiAlike } from './openai-alike.ts';

/** LM Studio's server (lmstudio.ai/docs). It knows no words for a forced choice of one tool. */
export const lmStudio = openAiAlike({
  id: 'lm-studio',
  baseURLExample: 'http://workstation.example:1234/v1',
  serves: ['completions', 'embeddings'],
  capabilities: { jsonSchema: true, logprobs: false, severalAnswers: false, seed: true, streaming: true },
  oldTokenLimit: true,
  topK: true,
  differs: {
    lacks: ['parallel_tool_calls', 'logprobs', 'top_logprobs', 'n'],
    toolChoices: ['auto', 'none', 'required'],
    drops: ['user'],
  },
});
