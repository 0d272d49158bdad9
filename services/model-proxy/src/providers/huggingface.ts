import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * Hugging Face's router to inference providers (huggingface.co/docs/inference-providers). A host stands behind a colon of the model's name.
 */
export const huggingface = defineProvider({
  id: 'huggingface',
  wire: 'openai-chat',
  baseURL: 'https://router.huggingface.co/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models' },
  capabilities: { streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    differs: { drops: ['store', 'service_tier', 'metadata'], renames: { max_completion_tokens: 'max_tokens' } },
  },
});
