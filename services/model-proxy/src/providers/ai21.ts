import { openAiAlike } from './openai-alike.ts';

/** AI21's Jamba (docs.ai21.com). */
export const ai21 = openAiAlike({
  id: 'ai21',
  baseURL: 'https://api.ai21.com/studio/v1',
  capabilities: {
    toolChoice: false,
    jsonSchema: false,
    logprobs: false,
    seed: false,
    severalAnswers: true,
    streaming: true,
  },
  oldTokenLimit: true,
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
    toolChoices: ['auto', 'none'],
    lacksJsonSchema: true,
    plainText: 'messages',
    drops: ['stream_options', 'user'],
  },
});
