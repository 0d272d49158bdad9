import { openAiAlike } from './openai-alike.ts';

/**
 * Hugging Face's Text Generation Inference (huggingface.co/docs/text-generation-inference). One answer, one string of text a message.
 */
export const tgi = openAiAlike({
  id: 'tgi',
  baseURLExample: 'http://tgi.models.svc:8080/v1',
  serves: ['completions'],
  capabilities: { severalAnswers: false, logprobs: true, seed: true, streaming: true },
  failureCodes: {
    validation: 'invalid_request',
    Validation: 'invalid_request',
    overloaded: 'overloaded',
    generation: 'server_error',
    incomplete_generation: 'server_error',
  },
  oldTokenLimit: true,
  differs: { lacks: ['n', 'parallel_tool_calls'], maxStops: 4, drops: ['user'] },
});
