import { openAiAlike } from './openai-alike.ts';

/** Perplexity (docs.perplexity.ai): each of its models searches the web, unless told otherwise. */
export const perplexity = openAiAlike({
  id: 'perplexity',
  baseURL: 'https://api.perplexity.ai',
  priceList: 'perplexity',
  capabilities: {
    tools: false,
    parallelTools: false,
    toolChoice: false,
    logprobs: false,
    seed: false,
    severalAnswers: false,
    streaming: true,
  },
  retrieves: () => true,
  oldTokenLimit: true,
  topK: true,
  differs: {
    lacks: ['tools', 'tool_choice', 'parallel_tool_calls', 'logprobs', 'top_logprobs', 'logit_bias', 'n', 'seed'],
    drops: ['stream_options', 'user'],
  },
});
