import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** AI21's Jamba (docs.ai21.com). */
export const ai21 = defineProvider({
  id: 'ai21',
  wire: 'openai-chat',
  baseURL: 'https://api.ai21.com/studio/v1',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models' },
  capabilities: { toolChoice: false, jsonSchema: false, logprobs: false, seed: false, n: true, streaming: true },
  quirks: {
    maxTokensField: 'max_tokens',
    differs: {
      lacks: [
        'logprobs',
        'top_logprobs',
        'logit_bias',
        'seed',
        'parallel_tool_calls',
        'frequency_penalty',
        'presence_penalty',
      ],
      drops: ['stream_options', 'store', 'service_tier', 'metadata', 'user'],
      renames: { max_completion_tokens: 'max_tokens' },
      toolChoices: ['auto', 'none'],
      lacksJsonSchema: true,
      plainText: 'messages',
    },
  },
});
