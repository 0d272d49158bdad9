import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Another Sallyport, by its OpenAI front. */
export const sallyport = defineProvider({
  id: 'sallyport',
  wire: 'openai-chat',
  baseURLExample: 'https://sallyport.example.com/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    moderations: '/moderations',
    rerank: '/rerank',
    imageGenerations: '/images/generations',
    imageEdits: '/images/edits',
    transcriptions: '/audio/transcriptions',
    speech: '/audio/speech',
    translations: '/audio/translations',
    imageVariations: '/images/variations',
  },
  attribution: {
    headers: { user: 'sallyport-user', customer: 'sallyport-customer', tags: 'sallyport-tags' },
    tagged: ['teams', 'key'],
  },
  quirks: { maxTokensField: 'max_completion_tokens', cacheMarks: true, developerRole: true, reasoningDetails: true },
});
