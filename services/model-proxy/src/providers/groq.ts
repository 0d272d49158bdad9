import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** GroqCloud (console.groq.com/docs/openai). Its compound models search by themselves. */
export const groq = defineProvider({
  id: 'groq',
  wire: 'openai-chat',
  baseURL: 'https://api.groq.com/openai/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    transcriptions: '/audio/transcriptions',
    translations: '/audio/translations',
    speech: '/audio/speech',
  },
  priceList: 'groq',
  capabilities: { logprobs: false, n: false, streaming: true },
  retrieves: (model) => /(^|\/)compound/.test(model),
  quirks: {
    maxTokensField: 'max_completion_tokens',
    differs: {
      lacks: ['logprobs', 'top_logprobs', 'logit_bias', 'n'],
      drops: ['store', 'metadata'],
      maxStops: 4,
      lacksNames: true,
    },
  },
});
