import { openAiAlike } from './openai-alike.ts';

/** A route of Apache APISIX with its ai-proxy (apisix.apache.org/docs), behind its key-auth. */
export const apisix = openAiAlike({
  id: 'apisix',
  baseURLExample: 'https://apisix.example.com/v1',
  auth: { kind: 'header', header: 'apikey' },
  serves: ['embeddings'],
  // Its rules and logs read any header, as `$http_x_team`.
  attribution: { headers: { user: 'x-user', customer: 'x-customer', teams: 'x-team', key: 'x-key', tags: 'x-tags' } },
  maxTokensField: 'max_tokens',
  takes: 'all',
  topK: true,
});
