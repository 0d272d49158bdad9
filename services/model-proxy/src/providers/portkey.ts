import { openAiAlike } from './openai-alike.ts';

/**
 * Portkey's gateway, hosted (portkey.ai/docs). One's own without an account is of type openai-compatible, with a header
 * x-portkey-provider that names whose the key is.
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
  differs: { attributing: ['metadata', 'trace_id'] },
});
