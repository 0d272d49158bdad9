import { openAiAlike } from './openai-alike.ts';

/** A LiteLLM proxy (docs.litellm.ai), which takes OpenAI's words and knows those of its providers. */
export const litellm = openAiAlike({
  id: 'litellm',
  baseURLExample: 'https://litellm.example.com/v1',
  serves: [
    'completions',
    'embeddings',
    'moderations',
    'rerank',
    'imageGenerations',
    'imageEdits',
    'transcriptions',
    'speech',
  ],
  attribution: {
    headers: { customer: 'x-litellm-customer-id', tags: 'x-litellm-tags' },
    json: { header: 'x-litellm-spend-logs-metadata', members: { user: 'user', teams: 'team', key: 'key' } },
  },
  maxTokensField: 'max_tokens',
  takes: 'all',
  topK: true,
  cacheMarks: true,
  differs: {
    withheld: [
      'fallbacks',
      'context_window_fallbacks',
      'content_policy_fallbacks',
      'api_base',
      'base_url',
      'api_key',
      'api_version',
      'custom_llm_provider',
      'user_config',
      'router_settings_override',
      'mock_response',
      'model_list',
      'prompt_id',
    ],
  },
});
