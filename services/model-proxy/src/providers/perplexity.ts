import { defineProvider } from './define-provider.ts';
import { bearer } from './provider-auth.ts';

/** Perplexity (docs.perplexity.ai): each of its models searches the web, unless told otherwise. */
export const perplexity = defineProvider({
  id: 'perplexity',
  wire: 'openai-chat',
  baseURL: 'https://api.perplexity.ai',
  auth: bearer,
  headers: {},
  passHeaders: [],
  paths: { chat: '/chat/completions', models: '/models' },
  priceList: 'perplexity',
  capabilities: {
    tools: false,
    parallelTools: false,
    toolChoice: false,
    logprobs: false,
    seed: false,
    n: false,
    streaming: true,
  },
  retrieves: () => true,
  quirks: {
    maxTokensField: 'max_tokens',
    topK: true,
    differs: {
      lacks: ['tools', 'tool_choice', 'parallel_tool_calls', 'logprobs', 'top_logprobs', 'logit_bias', 'n', 'seed'],
      drops: ['stream_options', 'user', 'store', 'service_tier', 'metadata'],
      renames: { max_completion_tokens: 'max_tokens' },
    },
  },
});
