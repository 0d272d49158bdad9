import { defineProvider } from './define-provider.ts';

/** Any server that speaks Gemini's generateContent, another gateway for one. */
export const geminiCompatible = defineProvider({
  id: 'gemini-compatible',
  wire: 'gemini',
  baseURLExample: 'https://api.example.com/v1beta',
  auth: { kind: 'header', header: 'x-goog-api-key' },
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/models/{model}:generateContent',
    stream: '/models/{model}:streamGenerateContent?alt=sse',
    models: '/models',
    embeddings: '/models/{model}:batchEmbedContents',
  },
  quirks: {},
});
