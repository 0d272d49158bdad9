import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Any server that speaks OpenAI's chat completions, such as vLLM, Ollama or OpenRouter. */
export const openaiCompatible = defineProvider({
  id: 'openai-compatible',
  wire: 'openai-chat',
  baseURLExample: 'https://api.example.com/v1',
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
    imageVariations: '/images/variations',
    transcriptions: '/audio/transcriptions',
    translations: '/audio/translations',
    speech: '/audio/speech',
  },
  // Most of them know the older name only, take top_k, and reject or ignore the role developer.
  quirks: { maxTokensField: 'max_tokens', topK: true },
});
