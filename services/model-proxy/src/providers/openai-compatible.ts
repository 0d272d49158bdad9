import { EVERY_OPERATION, openAiAlike } from './openai-alike.ts';

/** Any server that speaks OpenAI's chat completions, such as Ollama or another gateway. */
export const openaiCompatible = openAiAlike({
  id: 'openai-compatible',
  baseURLExample: 'https://api.example.com/v1',
  serves: EVERY_OPERATION,
  // Most of them know the older name only, take top_k, and reject or ignore the role developer.
  maxTokensField: 'max_tokens',
  takes: 'all',
  topK: true,
});
