import type { JsonValue } from './canonical-json.ts';
import { childPointer } from './json-pointer.ts';

/**
 * Member of a decided call's arguments under which stands what goes to its tool server beside them: answers to what the
 * server asked, by the key of the question. No argument of a tool may have this name. Rules see it as `answers`.
 */
export const ANSWERS = 'sallyport.dev/answers';
const POINTER = childPointer('', ANSWERS);

type JsonObject = { [key: string]: JsonValue };

/** Arguments with answers, as they are decided together. */
export function withAnswers(args: JsonObject, answers: JsonObject): JsonObject {
  return { ...args, [ANSWERS]: answers };
}

/** Arguments alone, and the answers that were decided with them; undefined for none. */
export function splitAnswers(decided: JsonValue): {
  readonly args: JsonValue;
  readonly answers: JsonValue | undefined;
} {
  if (!hasAnswers(decided)) return { args: decided, answers: undefined };
  const { [ANSWERS]: answers, ...args } = decided;
  return { args, answers };
}

/** Tells whether arguments hold answers. */
export function hasAnswers(args: JsonValue): args is JsonObject {
  return typeof args === 'object' && args !== null && !Array.isArray(args) && Object.hasOwn(args, ANSWERS);
}

/** Tells whether a JSON pointer into decided arguments is that of an answer. */
export function isOfAnswer(pointer: string): boolean {
  return pointer === POINTER || pointer.startsWith(`${POINTER}/`);
}
