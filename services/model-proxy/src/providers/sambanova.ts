import { openAiAlike } from './openai-alike.ts';

/** SambaNova Cloud (docs.sambanova.ai). */
export const sambanova = openAiAlike({
  id: 'sambanova',
  baseURL: 'https://api.sambanova.ai/v1',
  serves: ['embeddings', 'transcriptions'],
  capabilities: { logprobs: false, seed: false, severalAnswers: false, streaming: true },
  oldTokenLimit: true,
  topK: true,
  differs: {
    lacks: ['logprobs', 'top_logprobs', 'logit_bias', 'n', 'seed', 'presence_penalty', 'frequency_penalty'],
    plainText: 'messages',
    drops: ['user'],
  },
});
