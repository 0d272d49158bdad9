import type { JsonObject } from '../../chat/message.ts';
import type { ReasoningWish, Unsupported } from '../../chat/request.ts';

/** What a model understands: `adaptive` thinking with an effort, a token `budget` (older models), or nothing. */
export type ReasoningStyle = 'adaptive' | 'budget' | 'none';

const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 24_576,
  max: 32_768,
};

/** The least budget that the API takes. */
const leastBudget = 1024;

/** Says a wish for reasoning in the style of the model. A budget must stay below `maxTokens`. */
export function encodeReasoning(
  wish: ReasoningWish | undefined,
  style: ReasoningStyle,
  maxTokens: number,
  adjusted: Unsupported[],
): { thinking?: JsonObject; effort?: string } {
  if (!wish) return {};
  if (style === 'none') {
    adjusted.push({ field: 'reasoning', reason: 'the model does not reason' });
    return {};
  }
  const effort = wish.effort === 'minimal' ? 'low' : wish.effort;
  if (wish.mode === 'disabled') return { thinking: { type: 'disabled' }, ...(effort ? { effort } : {}) };
  if (wish.budgetTokens !== undefined) {
    return { thinking: { type: 'enabled', budget_tokens: wish.budgetTokens }, ...(effort ? { effort } : {}) };
  }
  if (style === 'adaptive') return { thinking: { type: 'adaptive' }, ...(effort ? { effort } : {}) };
  const wanted = budgets[wish.effort ?? 'medium'] ?? 8192;
  const budget = wanted < maxTokens ? wanted : Math.floor(maxTokens / 2);
  adjusted.push({
    field: 'reasoning.effort',
    reason: budget < leastBudget ? 'no room below max_tokens' : 'said as a budget',
  });
  return budget < leastBudget ? {} : { thinking: { type: 'enabled', budget_tokens: budget } };
}
