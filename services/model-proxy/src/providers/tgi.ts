import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/**
 * Hugging Face's Text Generation Inference (huggingface.co/docs/text-generation-inference). One answer, one string of text a message.
 */
export const tgi = defineProvider({
  id: 'tgi',
  wire: 'openai-chat',
  baseURLExample: 'http://tgi.models.svc:8080/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models', completions: '/completions' },
  capabilities: { n: false, logprobs: true, seed: true, streaming: true },
  failureCodes: {
    validation: 'invalid_request',
    Validation: 'invalid_request',
    overloaded: 'overloaded',
    generation: 'server_error',
    incomplete_generation: 'server_error',
  },
  quirks: {
    maxTokensField: 'max_tokens',
    differs: {
      lacks: ['n', 'parallel_tool_calls'],
      drops: ['store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      maxStops: 4,
    },
  },
});
