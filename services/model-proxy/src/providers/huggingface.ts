import { openAiAlike } from './openai-alike.ts';

/**
 * Hugging Face's router to inference providers (huggingface.co/docs/inference-providers). A host stands behind a colon of the model's name.
 */
export const huggingface = openAiAlike({
  id: 'huggingface',
  baseURL: 'https://router.huggingface.co/v1',
  capabilities: { streaming: true },
  oldTokenLimit: true,
});
