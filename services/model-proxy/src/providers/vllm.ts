import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** vLLM's own server (docs.vllm.ai). */
export const vllm = defineProvider({
  id: 'vllm',
  wire: 'openai-chat',
  baseURLExample: 'http://vllm.models.svc:8000/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    rerank: '/rerank',
    transcriptions: '/audio/transcriptions',
  },
  capabilities: { logprobs: true, seed: true, n: true, jsonSchema: true, streaming: true },
  quirks: {
    maxTokensField: 'max_completion_tokens',
    topK: true,
    differs: { drops: ['store', 'service_tier', 'metadata'], lacksStrict: true },
  },
});
