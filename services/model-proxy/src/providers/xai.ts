import { openAiAlike } from './openai-alike.ts';

/** xAI (docs.x.ai). Counts of reasoning stand beside those of the answer. */
export const xai = openAiAlike({
  id: 'xai',
  baseURL: 'https://api.x.ai/v1',
  serves: ['imageGenerations'],
  priceList: 'x-ai',
  capabilities: { logprobs: true, seed: true, severalAnswers: true, streaming: true },
  differs: { lacksStrict: true, lacksNames: true },
});
