import { DecodeError } from '../../chat/failure.ts';
import { asNumber, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ReasoningWish, Unsupported } from '../../chat/request.ts';
import type { Differences } from './differences.ts';

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

/**
 * What a client wishes by `reasoning_effort`, by OpenRouter's `reasoning`, or by both. `unsaid` are the members of `reasoning`
 * that other providers have no word for, as paths. Throws DecodeError where the two contradict each other.
 */
export function readReasoning(body: JsonObject): { wish: ReasoningWish; unsaid: string[] } {
  const said = asString(body.reasoning_effort);
  const wish: ReasoningWish = said === undefined ? {} : said === 'none' ? { mode: 'disabled' } : { effort: said };
  if (!isObject(body.reasoning)) return { wish, unsaid: [] };
  const { enabled, effort, max_tokens: tokens, exclude, ...others } = body.reasoning;
  const level = asString(effort);
  const budgetTokens = asNumber(tokens);
  const isOff = enabled === false || level === 'none';
  const asks = isOff || enabled === true || level !== undefined || budgetTokens !== undefined;
  const differs = !isOff && level !== undefined && level !== said;
  if (said !== undefined && asks && (isOff !== (said === 'none') || differs)) {
    throw new DecodeError('wrong_shape', 'reasoning', 'must not contradict reasoning_effort');
  }
  if (isOff) wish.mode = 'disabled';
  else {
    if (enabled === true) wish.mode = 'enabled';
    if (level !== undefined) wish.effort = level;
    if (budgetTokens !== undefined) wish.budgetTokens = budgetTokens;
  }
  const rest: JsonObject = { ...others, ...(exclude === false ? {} : { exclude }) };
  if (typeof enabled !== 'boolean') rest.enabled = enabled;
  if (level === undefined) rest.effort = effort;
  if (budgetTokens === undefined) rest.max_tokens = tokens;
  const unsaid = Object.keys(rest).filter((name) => rest[name] !== undefined && rest[name] !== null);
  return { wish, unsaid: unsaid.map((name) => `reasoning.${name}`) };
}

/** OpenRouter's `reasoning` without what it wishes; undefined where nothing is left. */
export function withoutWish(reasoning: JsonObject): JsonObject | undefined {
  const { enabled: _enabled, effort: _effort, max_tokens: _tokens, ...rest } = reasoning;
  return Object.keys(rest).length > 0 ? rest : undefined;
}

/** Says a wish for reasoning as an effort. Anthropic counts tokens: the thresholds are its budgets the other way round. */
export function effortOf({ mode, effort, budgetTokens }: ReasoningWish): string | undefined {
  if (mode === 'disabled') return 'none';
  if (effort !== undefined) return effort === 'max' ? 'xhigh' : effort;
  if (budgetTokens === undefined) return undefined;
  return budgetTokens <= 2048 ? 'low' : budgetTokens <= 12_288 ? 'medium' : 'high';
}

/**
 * A body whose wish for reasoning is said in OpenAI's word alone, for all but those that read OpenRouter's as well, and what
 * of it is lost.
 */
export function inOpenAiWords(
  body: JsonObject,
  differences: Differences | undefined,
): { body: JsonObject; lost: readonly Unsupported[] } {
  const isRead = differences?.readsReasoning === true || differences?.reasoning === 'reasoning';
  if (isRead || (!isObject(body.reasoning) && body.reasoning !== null)) return { body, lost: [] };
  const { wish, unsaid } = readReasoning(body);
  const { reasoning: _own, ...said } = body;
  const own = differences?.reasoning;
  const lost = unsaid.map((field) => ({ field, reason: 'the provider does not have it' }));
  // What a client wrote for the provider stands.
  if (own !== undefined) return { body: { ...reasoningFields(own, wish), ...said }, lost };
  const effort = effortOf(wish);
  return { body: effort === undefined ? said : { ...said, reasoning_effort: effort }, lost };
}
