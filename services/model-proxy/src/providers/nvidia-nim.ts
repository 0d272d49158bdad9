import { openAiAlike } from './openai-alike.ts';

/** NVIDIA NIM, hosted (docs.api.nvidia.com) or one's own server of it. */
export const nvidiaNim = openAiAlike({
  id: 'nvidia-nim',
  baseURL: 'https://integrate.api.nvidia.com/v1',
  serves: ['embeddings', 'completions'],
  capabilities: { seed: true, severalAnswers: false, streaming: true },
  oldTokenLimit: true,
  differs: { lacks: ['logit_bias', 'n'], drops: ['user'] },
});
