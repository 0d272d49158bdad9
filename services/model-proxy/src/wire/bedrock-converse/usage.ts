import type { FinishReason, UnifiedFinish } from '../../chat/finish.ts';
import { asArray, asObject } from '../../chat/json.ts';
import { tokenCount, type Usage } from '../../chat/usage.ts';

/**
 * Reads `usage`: tokens read from the cache and written to it are counted beside `inputTokens`. Undefined where neither side
 * can be read.
 */
export function decodeUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  const input = tokenCount(usage?.inputTokens);
  const output = tokenCount(usage?.outputTokens);
  if (input === undefined && output === undefined) return undefined;
  const cacheRead = tokenCount(usage?.cacheReadInputTokens) ?? 0;
  const cacheWrite = tokenCount(usage?.cacheWriteInputTokens) ?? 0;
  const decoded: Usage = {
    input: (input ?? 0) + cacheRead + cacheWrite,
    output: output ?? 0,
    cacheRead,
    cacheWrite,
    reasoning: 0,
  };
  let hour = 0;
  for (const detail of asArray(usage?.cacheDetails).map(asObject)) {
    if (detail?.ttl === '1h') hour += tokenCount(detail.inputTokens) ?? 0;
  }
  if (hour > 0) decoded.cacheWrite1h = Math.min(hour, cacheWrite);
  return decoded;
}

const finishes: Readonly<Record<string, UnifiedFinish>> = {
  end_turn: 'stop',
  stop_sequence: 'stop_sequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  guardrail_intervened: 'content_filter',
  content_filtered: 'content_filter',
  malformed_model_output: 'unknown',
  malformed_tool_use: 'unknown',
};

/** Reads a `stopReason`; a plain end beside calls means the calls. */
export function decodeFinish(raw: unknown, hasToolCalls: boolean): FinishReason {
  const word = typeof raw === 'string' ? raw : '';
  const unified = Object.hasOwn(finishes, word) ? (finishes[word] as UnifiedFinish) : 'unknown';
  return { unified: hasToolCalls && unified === 'stop' ? 'tool_calls' : unified, raw: word };
}
