import { openAiAlike } from './openai-alike.ts';

/** SGLang's server (docs.sglang.ai). */
export const sglang = openAiAlike({
  id: 'sglang',
  baseURLExample: 'http://sglang.models.svc:30000/v1',
  serves: ['completions', 'embeddings', 'rerank'],
  capabilities: { jsonSchema: true, logprobs: true, seed: true, severalAnswers: true, streaming: true },
  topK: true,
  differs: { lacksStrict: true },
});
