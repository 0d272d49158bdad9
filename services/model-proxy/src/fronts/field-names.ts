import type { FrontDialect } from '../chat/message.ts';
import type { Unsupported } from '../chat/request.ts';

/** What OpenAI's dialects and Anthropic's call alike. */
const snake = {
  'sampling.temperature': 'temperature',
  'sampling.topP': 'top_p',
  'sampling.topK': 'top_k',
  'sampling.frequencyPenalty': 'frequency_penalty',
  'sampling.presencePenalty': 'presence_penalty',
  'sampling.seed': 'seed',
  'sampling.n': 'n',
  'sampling.logprobs': 'logprobs',
  'sampling.topLogprobs': 'top_logprobs',
  'sampling.logitBias': 'logit_bias',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'parallel_tool_calls',
};

/** The fields of the neutral model that a client's dialect calls otherwise. */
const names: Readonly<Record<FrontDialect, Readonly<Record<string, string>>>> = {
  'openai-chat': {
    ...snake,
    'sampling.maxTokens': 'max_completion_tokens',
    responseFormat: 'response_format',
    // Without `reasoning`, which is OpenRouter's own field and known to no other provider.
    'reasoning.effort': 'reasoning_effort',
    'reasoning.budgetTokens': 'reasoning_effort',
  },
  'openai-responses': { ...snake, 'sampling.maxTokens': 'max_output_tokens', responseFormat: 'text.format' },
  'anthropic-messages': {
    ...snake,
    'sampling.maxTokens': 'max_tokens',
    parallelToolCalls: 'tool_choice.disable_parallel_tool_use',
    responseFormat: 'output_config.format',
    reasoning: 'thinking',
    'reasoning.effort': 'output_config.effort',
    'reasoning.budgetTokens': 'thinking.budget_tokens',
    stop: 'stop_sequences',
  },
  gemini: {
    'sampling.maxTokens': 'generationConfig.maxOutputTokens',
    'sampling.temperature': 'generationConfig.temperature',
    'sampling.topP': 'generationConfig.topP',
    'sampling.topK': 'generationConfig.topK',
    'sampling.frequencyPenalty': 'generationConfig.frequencyPenalty',
    'sampling.presencePenalty': 'generationConfig.presencePenalty',
    'sampling.seed': 'generationConfig.seed',
    'sampling.n': 'generationConfig.candidateCount',
    'sampling.logprobs': 'generationConfig.responseLogprobs',
    'sampling.topLogprobs': 'generationConfig.logprobs',
    toolChoice: 'toolConfig.functionCallingConfig',
    responseFormat: 'generationConfig.responseMimeType',
    reasoning: 'generationConfig.thinkingConfig',
    'reasoning.effort': 'generationConfig.thinkingConfig.thinkingLevel',
    'reasoning.budgetTokens': 'generationConfig.thinkingConfig.thinkingBudget',
    stop: 'generationConfig.stopSequences',
  },
};

/** What a target cannot be told, under the names that the client's own request has for it. */
export function inWordsOf(dialect: FrontDialect, unsupported: readonly Unsupported[]): Unsupported[] {
  const own = names[dialect];
  const nameOf = (field: string) => (Object.hasOwn(own, field) ? own[field] : undefined) ?? field;
  return unsupported.map(({ field, reason }) => ({ field: nameOf(field), reason }));
}
