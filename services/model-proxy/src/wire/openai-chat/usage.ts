import type { FinishReason, UnifiedFinish } from '../../chat/finish.ts';
import { asObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { tokenCount, type Usage } from '../../chat/usage.ts';

/**
 * Reads a `usage` object: `prompt_tokens` holds cached tokens already. Undefined where neither count can be read, so that
 * a missing usage is never taken for a free call. Cached counts above the prompt are cut, since prices are parts of it.
 */
export function decodeUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  if (!usage) return undefined;
  const input = tokenCount(usage.prompt_tokens);
  const output = tokenCount(usage.completion_tokens);
  if (input === undefined && output === undefined) return undefined;
  const prompt = asObject(usage.prompt_tokens_details);
  const completion = asObject(usage.completion_tokens_details);
  // DeepSeek and Moonshot tell cache hits beside the prompt's count, not in its details.
  const cached =
    tokenCount(prompt?.cached_tokens) ??
    tokenCount(usage.prompt_cache_hit_tokens) ??
    tokenCount(usage.cached_tokens) ??
    0;
  const cacheRead = Math.min(cached, input ?? 0);
  const reasoning = tokenCount(completion?.reasoning_tokens) ?? tokenCount(usage.reasoning_tokens) ?? 0;
  const whole = (output ?? 0) + besides(usage.total_tokens, input ?? 0, output ?? 0, reasoning);
  const decoded: Usage = {
    input: input ?? 0,
    output: whole,
    cacheRead,
    cacheWrite: Math.min(tokenCount(prompt?.cache_write_tokens) ?? 0, (input ?? 0) - cacheRead),
    reasoning: Math.min(reasoning, whole),
  };
  const inputAudio = tokenCount(prompt?.audio_tokens);
  if (inputAudio) decoded.inputAudio = Math.min(inputAudio, decoded.input);
  const outputAudio = tokenCount(completion?.audio_tokens);
  if (outputAudio) decoded.outputAudio = Math.min(outputAudio, decoded.output);
  return decoded;
}

/** xAI counts reasoning in the total but not in `completion_tokens`; it is paid for like the rest of the answer. */
function besides(total: unknown, input: number, output: number, reasoning: number): number {
  return reasoning > 0 && tokenCount(total) === input + output + reasoning ? reasoning : 0;
}

/** Writes a `usage` object. */
export function encodeUsage(usage: Usage): JsonObject {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: {
      cached_tokens: usage.cacheRead,
      cache_write_tokens: usage.cacheWrite,
      audio_tokens: usage.inputAudio ?? 0,
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoning, audio_tokens: usage.outputAudio ?? 0 },
  };
}

const finishes: Readonly<Record<string, UnifiedFinish>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  // Words of Mistral, Text Generation Inference, Together and Zhipu.
  model_length: 'length',
  eos: 'stop',
  eos_token: 'stop',
  stop_sequence: 'stop',
  sensitive: 'content_filter',
};

/**
 * Reads a finish reason. Some providers end an answer that holds tool calls with `stop`; agents then stop silently, so
 * calls win over that word.
 */
export function decodeFinish(raw: unknown, hasToolCalls: boolean): FinishReason {
  const word = typeof raw === 'string' ? raw : '';
  const unified = Object.hasOwn(finishes, word) ? finishes[word]! : 'unknown';
  const calls = hasToolCalls && (unified === 'stop' || unified === 'unknown');
  return { unified: calls ? 'tool_calls' : unified, raw: word };
}

/** Writes a finish reason; what this dialect has no word for ends as `stop`. */
export function encodeFinish(finish: FinishReason): string {
  switch (finish.unified) {
    case 'length':
    case 'tool_calls':
    case 'content_filter':
      return finish.unified;
    default:
      return 'stop';
  }
}
