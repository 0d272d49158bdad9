import type { FinishReason, UnifiedFinish } from '../chat/finish.ts';
import { asString } from '../chat/json.ts';

/** Reads a reason to stop by a dialect's words for it; '' stands for none. A plain end beside calls means the calls. */
export function finishBy(
  words: Readonly<Record<string, UnifiedFinish>>,
  raw: unknown,
  hasToolCalls: boolean,
): FinishReason {
  const word = asString(raw) ?? '';
  const unified = Object.hasOwn(words, word) ? (words[word] as UnifiedFinish) : 'unknown';
  return { unified: hasToolCalls && unified === 'stop' ? 'tool_calls' : unified, raw: word };
}
