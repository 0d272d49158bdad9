import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Ollama's server in its own API (docs.ollama.com/api), which tells more than the one that is like OpenAI's. */
export const ollama = defineProvider({
  id: 'ollama',
  wire: 'ollama',
  baseURLExample: 'http://ollama.models.svc:11434',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/api/chat', models: '/api/tags', embeddings: '/api/embed' },
  capabilities: {
    toolChoice: false,
    jsonSchema: true,
    logprobs: false,
    seed: true,
    severalAnswers: false,
    streaming: true,
  },
  quirks: {},
});
