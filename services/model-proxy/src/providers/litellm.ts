import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** A LiteLLM proxy (docs.litellm.ai), which takes OpenAI's words and knows those of its providers. */
export const litellm = defineProvider({
  id: 'litellm',
  wire: 'openai-chat',
  baseURLExample: 'https://litellm.example.com/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: {
    chat: '/chat/completions',
    models: '/models',
    completions: '/completions',
    embeddings: '/embeddings',
    moderations: '/moderations',
    rerank: '/rerank',
    imageGenerations: '/images/generations',
    imageEdits: '/images/edits',
    transcriptions: '/audio/transcriptions',
    speech: '/audio/speech',
  },
  attribution: {
    headers: { customer: 'x-litellm-customer-id', tags: 'x-litellm-tags' },
    json: { header: 'x-litellm-spend-logs-metadata', members: { user: 'user', teams: 'team', key: 'key' } },
  },
  quirks: {
    maxTokensField: 'max_tokens',
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
      ],
    },
  },
});
