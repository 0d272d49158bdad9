import { openAiAlike } from './openai-alike.ts';

/** GroqCloud (console.groq.com/docs/openai). Its compound models search by themselves. */
export const groq = openAiAlike({
  id: 'groq',
  baseURL: 'https://api.groq.com/openai/v1',
  serves: ['transcriptions', 'translations', 'speech'],
  priceList: 'groq',
  capabilities: { logprobs: false, severalAnswers: false, streaming: true },
  retrieves: (model) => /(^|\/)compound/.test(model),
  takes: ['service_tier'],
  differs: { lacks: ['logprobs', 'top_logprobs', 'logit_bias', 'n'], maxStops: 4, lacksNames: true },
});
