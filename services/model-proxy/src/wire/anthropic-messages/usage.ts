import type { FinishReason, UnifiedFinish } from '../../chat/finish.ts';
import { asObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { tokenCount, type Usage } from '../../chat/usage.ts';

/**
 * Reads a `usage` object: `input_tokens` counts the uncached part only, so the cached parts are added. Undefined where
 * neither count can be read.
 */
export function decodeUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  if (!usage) return undefined;
  const uncached = tokenCount(usage.input_tokens);
  const output = tokenCount(usage.output_tokens);
  if (uncached === undefined && output === undefined) return undefined;
  const cacheRead = tokenCount(usage.cache_read_input_tokens) ?? 0;
  const cacheWrite = tokenCount(usage.cache_creation_input_tokens) ?? 0;
  const decoded: Usage = {
    input: (uncached ?? 0) + cacheRead + cacheWrite,
    output: output ?? 0,
    cacheRead,
    cacheWrite,
    reasoning: Math.min(tokenCount(asObject(usage.output_tokens_details)?.thinking_tokens) ?? 0, output ?? 0),
  };
  const hour = tokenCount(asObject(usage.cache_creation)?.ephemeral_1h_input_tokens);
  if (hour) decoded.cacheWrite1h = Math.min(hour, cacheWrite);
  return decoded;
}

/** Writes a `usage` object. */
export function encodeUsage(usage: Usage): JsonObject {
  const encoded: JsonObject = {
    input_tokens: Math.max(0, usage.input - usage.cacheRead - usage.cacheWrite),
    cache_creation_input_tokens: usage.cacheWrite,
    cache_read_input_tokens: usage.cacheRead,
    output_tokens: usage.output,
  };
  if (usage.reasoning > 0) encoded.output_tokens_details = { thinking_tokens: usage.reasoning };
  if (usage.cacheWrite1h !== undefined) {
    encoded.cache_creation = {
      ephemeral_5m_input_tokens: usage.cacheWrite - usage.cacheWrite1h,
      ephemeral_1h_input_tokens: usage.cacheWrite1h,
    };
  }
  return encoded;
}

const finishes: Readonly<Record<string, UnifiedFinish>> = {
  end_turn: 'stop',
  stop_sequence: 'stop_sequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  pause_turn: 'pause',
  refusal: 'content_filter',
};

/** Reads a stop reason; as in OpenAI's dialect, tool calls win over a plain end. */
export function decodeFinish(raw: unknown, sequence: unknown, hasToolCalls: boolean): FinishReason {
  const word = typeof raw === 'string' ? raw : '';
  const unified = Object.hasOwn(finishes, word) ? finishes[word]! : 'unknown';
  const calls = hasToolCalls && (unified === 'stop' || unified === 'unknown');
  return {
    unified: calls ? 'tool_calls' : unified,
    raw: word,
    ...(typeof sequence === 'string' ? { sequence } : {}),
  };
}

const words: Readonly<Record<UnifiedFinish, string>> = {
  stop: 'end_turn',
  stop_sequence: 'stop_sequence',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  pause: 'pause_turn',
  unknown: 'end_turn',
};

/** Writes a stop reason and the sequence that was hit. */
export function encodeFinish(finish: FinishReason): { stop_reason: string; stop_sequence: string | null } {
  return { stop_reason: words[finish.unified], stop_sequence: finish.sequence ?? null };
}
