/** Stage 15. Checks of the answer by Guardrail. No guardrail kind exists yet: every text passes. */
export function guardOut(text: string): string {
  return text;
}
