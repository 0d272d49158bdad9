import type { FinishReason, UnifiedFinish } from '../../chat/finish.ts';
import { asObject } from '../../chat/json.ts';
import { tokenCount, type Usage } from '../../chat/usage.ts';
import { finishBy } from '../finish-words.ts';

/**
 * Reads `usage`: what is billed, or the tokens that were worked through where nothing is told of bills. Undefined where
 * neither side can be read.
 */
export function decodeUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  const billed = asObject(usage?.billed_units);
  const tokens = asObject(usage?.tokens);
  const input = tokenCount(billed?.input_tokens) ?? tokenCount(tokens?.input_tokens);
  const output = tokenCount(billed?.output_tokens) ?? tokenCount(tokens?.output_tokens);
  if (input === undefined && output === undefined) return undefined;
  const cacheRead = Math.min(input ?? 0, tokenCount(usage?.cached_tokens) ?? 0);
  const searches = tokenCount(billed?.search_units);
  return {
    input: input ?? 0,
    output: output ?? 0,
    cacheRead,
    cacheWrite: 0,
    reasoning: 0,
    ...(searches ? { searches } : {}),
  };
}

const finishes: Readonly<Record<string, UnifiedFinish>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop_sequence',
  MAX_TOKENS: 'length',
  TOOL_CALL: 'tool_calls',
  ERROR_TOXIC: 'content_filter',
  ERROR_LIMIT: 'length',
};

/** Reads a `finish_reason`; a plain end beside calls means the calls. */
export function decodeFinish(raw: unknown, hasToolCalls: boolean): FinishReason {
  return finishBy(finishes, raw, hasToolCalls);
}
