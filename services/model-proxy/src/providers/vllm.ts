import { openAiAlike } from './openai-alike.ts';

/** vLLM's own server (docs.vllm.ai). */
export const vllm = openAiAlike({
  id: 'vllm',
  baseURLExample: 'http://vllm.models.svc:8000/v1',
  serves: ['completions', 'embeddings', 'rerank', 'transcriptions'],
  capabilities: { logprobs: true, seed: true, severalAnswers: true, jsonSchema: true, streaming: true },
  topK: true,
  differs: { lacksStrict: true },
});
