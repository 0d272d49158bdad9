import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** SGLang's server (docs.sglang.ai). */
export const sglang = defineProvider({
  id: 'sglang',
  wire: 'openai-chat',
  baseURLExample: 'http://sglang.models.svc:30000/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    rerank: '/rerank',
  },
  capabilities: { jsonSchema: true, logprobs: true, seed: true, n: true, streaming: true },
  quirks: {
    maxTokensField: 'max_completion_tokens',
    topK: true,
    differs: { drops: ['store', 'service_tier', 'metadata'], lacksStrict: true },
  },
});
