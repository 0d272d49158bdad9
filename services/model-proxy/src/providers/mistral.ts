import { openAiAlike } from './openai-alike.ts';

/**
 * Mistral's own API (docs.mistral.ai/api). It refuses fields that it does not know, and tells usage on streams unasked.
 */
export const mistral = openAiAlike({
  id: 'mistral',
  baseURL: 'https://api.mistral.ai/v1',
  serves: ['embeddings', 'moderations', 'transcriptions'],
  priceList: 'mistral',
  capabilities: { logprobs: false, seed: true, severalAnswers: true, streaming: true },
  oldTokenLimit: true,
  differs: {
    lacks: ['logprobs', 'top_logprobs', 'logit_bias'],
    lacksNames: true,
    drops: ['stream_options', 'user'],
    renames: { seed: 'random_seed' },
  },
});
