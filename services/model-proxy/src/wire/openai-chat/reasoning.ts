import type { JsonObject } from '../../chat/message.ts';
import type { ReasoningWish } from '../../chat/request.ts';

/** The field by which a provider is told how much to reason; absent: OpenAI's `reasoning_effort`. */
export type ReasoningParameter =
  /** OpenRouter's `reasoning`: an effort, a number of tokens, or off. */
  | 'reasoning'
  /** `thinking`, on or off, with an effort beside it. */
  | 'thinking'
  /** `thinking`, adaptive or off. */
  | 'adaptiveThinking'
  /** Qwen's `enable_thinking` and `thinking_budget`. */
  | 'enable_thinking';

/** Writes a wish for reasoning in a provider's own field. Empty where nothing is wished. */
export function reasoningFields(parameter: ReasoningParameter, wish: ReasoningWish): JsonObject {
  const off = wish.mode === 'disabled';
  const { effort, budgetTokens } = wish;
  if (!off && wish.mode === undefined && effort === undefined && budgetTokens === undefined) return {};
  switch (parameter) {
    case 'reasoning':
      if (off) return { reasoning: { enabled: false } };
      if (budgetTokens !== undefined) return { reasoning: { max_tokens: budgetTokens } };
      return { reasoning: effort === undefined ? { enabled: true } : { effort } };
    case 'thinking':
      return {
        thinking: { type: off ? 'disabled' : 'enabled' },
        ...(effort === undefined ? {} : { reasoning_effort: effort }),
      };
    case 'adaptiveThinking':
      return { thinking: { type: off ? 'disabled' : 'adaptive' } };
    case 'enable_thinking':
      return {
        enable_thinking: !off,
        ...(budgetTokens === undefined ? {} : { thinking_budget: budgetTokens }),
      };
  }
}

/** What of a wish the provider's own field has no word for. */
export function unsaidReasoning(
  parameter: ReasoningParameter,
  { effort, budgetTokens }: ReasoningWish,
): 'effort' | 'budgetTokens' | undefined {
  if (parameter === 'reasoning') return undefined;
  if (budgetTokens !== undefined && parameter !== 'enable_thinking') return 'budgetTokens';
  return effort !== undefined && parameter !== 'thinking' ? 'effort' : undefined;
}
