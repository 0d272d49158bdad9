import type { FinishReason } from '../../chat/finish.ts';
import { asObject, asString } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { tokenCount, type Usage } from '../../chat/usage.ts';

/**
 * Reads a `usage` object: `input_tokens` holds cached tokens already. Undefined where neither count can be read, so that a
 * missing usage is never taken for a free call. Parts above their whole are cut, since prices are parts of it.
 */
export function decodeUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  const input = tokenCount(usage?.input_tokens);
  const output = tokenCount(usage?.output_tokens);
  if (input === undefined && output === undefined) return undefined;
  const read = asObject(usage?.input_tokens_details);
  const written = asObject(usage?.output_tokens_details);
  const cacheRead = Math.min(tokenCount(read?.cached_tokens) ?? 0, input ?? 0);
  return {
    input: input ?? 0,
    output: output ?? 0,
    cacheRead,
    cacheWrite: Math.min(tokenCount(read?.cache_write_tokens) ?? 0, (input ?? 0) - cacheRead),
    reasoning: Math.min(tokenCount(written?.reasoning_tokens) ?? 0, output ?? 0),
  };
}

/** Writes a `usage` object. */
export function encodeUsage(usage: Usage): JsonObject {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cacheRead, cache_write_tokens: usage.cacheWrite },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}

/** Reads how a response ended, by its `status` and `incomplete_details`. */
export function decodeFinish(response: JsonObject, hasToolCalls: boolean): FinishReason {
  const status = asString(response.status) ?? '';
  if (status === 'incomplete') {
    const reason = asString(asObject(response.incomplete_details)?.reason) ?? '';
    switch (reason) {
      case 'max_output_tokens':
        return { unified: 'length', raw: reason };
      case 'content_filter':
        return { unified: 'content_filter', raw: reason };
      default:
        return { unified: 'unknown', raw: reason || status };
    }
  }
  if (hasToolCalls) return { unified: 'tool_calls', raw: status };
  return { unified: status === 'completed' ? 'stop' : 'unknown', raw: status };
}

/** Writes how a response ended. */
export function encodeFinish(finish: FinishReason): { status: string; incomplete_details: JsonObject | null } {
  switch (finish.unified) {
    case 'length':
      return { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
    case 'content_filter':
      return { status: 'incomplete', incomplete_details: { reason: 'content_filter' } };
    default:
      return { status: 'completed', incomplete_details: null };
  }
}
