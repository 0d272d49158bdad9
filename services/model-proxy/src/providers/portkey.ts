import { openAiAlike } from './openai-alike.ts';

/**
 * Portkey's gateway, hosted (portkey.ai/docs). For one's own without an account, set a base URL and the type openai-compatible.
 */
export const portkey = openAiAlike({
  id: 'portkey',
  baseURL: 'https://api.portkey.ai/v1',
  auth: { kind: 'header', header: 'x-portkey-api-key' },
  serves: ['completions', 'embeddings', 'imageGenerations', 'transcriptions', 'translations', 'speech'],
  failureCodes: { hooks_failed: 'content_policy' },
  attribution: {
    json: {
      header: 'x-portkey-metadata',
      members: { user: '_user', customer: 'customer', teams: 'team', key: 'key', tags: 'tags' },
    },
  },
  maxTokensField: 'max_tokens',
  takes: 'all',
  topK: true,
  cacheMarks: true,
});
