import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** OpenAI's own API. */
export const openai = defineProvider({
  id: 'openai',
  wire: 'openai-chat',
  baseURL: 'https://api.openai.com/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    moderations: '/moderations',
    imageGenerations: '/images/generations',
    imageEdits: '/images/edits',
    imageVariations: '/images/variations',
    transcriptions: '/audio/transcriptions',
    translations: '/audio/translations',
    speech: '/audio/speech',
  },
  priceList: 'openai',
  quirks: { maxTokensField: 'max_completion_tokens', developerRole: true },
});
