import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Cohere's API v2 (docs.cohere.com/reference). */
export const cohere = defineProvider({
  id: 'cohere',
  wire: 'cohere',
  baseURL: 'https://api.cohere.com',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/v2/chat',
    models: '/v1/models',
    allModels: '/v1/models?page_size=1000',
    embeddings: '/v2/embed',
    rerank: '/v2/rerank',
  },
  priceList: 'cohere',
  capabilities: {
    toolChoice: true,
    jsonSchema: true,
    logprobs: false,
    seed: true,
    severalAnswers: false,
    streaming: true,
  },
  quirks: {},
});
