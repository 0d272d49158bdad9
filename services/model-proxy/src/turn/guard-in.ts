import type { Turn } from './turn.ts';

/** Stage 5. Checks of the prompt by Guardrail. No guardrail kind exists yet: every request passes. */
export function guardIn(turn: Turn): Turn {
  return turn;
}
