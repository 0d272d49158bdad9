import { defineProvider } from './define-provider.ts';

/**
 * Portkey's gateway, hosted (portkey.ai/docs). For one's own without an account, set a base URL and the type openai-compatible.
 */
export const portkey = defineProvider({
  id: 'portkey',
  wire: 'openai-chat',
  baseURL: 'https://api.portkey.ai/v1',
  auth: { kind: 'header', header: 'x-portkey-api-key' },
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    imageGenerations: '/images/generations',
    transcriptions: '/audio/transcriptions',
    translations: '/audio/translations',
    speech: '/audio/speech',
  },
  failureCodes: { hooks_failed: 'content_policy' },
  attribution: {
    json: {
      header: 'x-portkey-metadata',
      members: { user: '_user', customer: 'customer', teams: 'team', key: 'key', tags: 'tags' },
    },
  },
  quirks: { maxTokensField: 'max_tokens', topK: true, cacheMarks: true },
});
