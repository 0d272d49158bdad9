import { openAiAlike } from './openai-alike.ts';

/** llama.cpp's server (github.com/ggml-org/llama.cpp). */
export const llamaCpp = openAiAlike({
  id: 'llama-cpp',
  baseURLExample: 'http://llama.models.svc:8080/v1',
  serves: ['completions', 'embeddings', 'rerank'],
  capabilities: { jsonSchema: true, logprobs: true, seed: true, streaming: true },
  oldTokenLimit: true,
  topK: true,
  differs: { drops: ['user'] },
});
