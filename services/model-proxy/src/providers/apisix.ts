import { defineProvider } from './define-provider.ts';

/** A route of Apache APISIX with its ai-proxy (apisix.apache.org/docs), behind its key-auth. */
export const apisix = defineProvider({
  id: 'apisix',
  wire: 'openai-chat',
  baseURLExample: 'https://apisix.example.com/v1',
  auth: { kind: 'header', header: 'apikey' },
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', embeddings: '/embeddings' },
  quirks: { maxTokensField: 'max_tokens', topK: true },
});
