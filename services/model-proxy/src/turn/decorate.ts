import type { Turn } from './turn.ts';

/**
 * Stage 4. Prompts that a Model puts before a request. No resource declares any yet (kind `Prompt` comes later), so the
 * request stays as it is; the stage holds its place so that what it will add is labelled and guarded like the rest.
 */
export function decorate(turn: Turn): Turn {
  return turn;
}
