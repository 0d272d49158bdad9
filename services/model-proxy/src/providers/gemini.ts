import { defineProvider } from './define-provider.ts';

/** Google's Gemini API (ai.google.dev/api). */
export const gemini = defineProvider({
  id: 'gemini',
  wire: 'gemini',
  baseURL: 'https://generativelanguage.googleapis.com/v1beta',
  auth: { kind: 'header', header: 'x-goog-api-key' },
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/models/{model}:generateContent',
    stream: '/models/{model}:streamGenerateContent?alt=sse',
    models: '/models',
    allModels: '/models?pageSize=1000',
    embeddings: '/models/{model}:batchEmbedContents',
  },
  priceList: 'google',
  quirks: {},
});
