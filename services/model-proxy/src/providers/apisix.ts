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
  // Its rules and logs read any header, as `$http_x_team`.
  attribution: {
    headers: { user: 'x-user', customer: 'x-customer', teams: 'x-team', key: 'x-key', tags: 'x-tags' },
  },
  quirks: { maxTokensField: 'max_tokens', topK: true },
});
