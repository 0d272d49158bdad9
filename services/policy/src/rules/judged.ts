import type { JsonValue } from '@sallyport/turn/canonical-json';
import { valueAt } from '@sallyport/turn/json-pointer';

/** More values than this nobody looks at one by one, so a yes would say nothing of them. */
export const MAX_JUDGED = 1_000;

/**
 * Tells whether a person would have to look at more values than anybody does: those that rules ask about, with all that
 * stands below them, or every value of the arguments where a rule asks about the call as a whole.
 */
export function isBeyondJudging(args: JsonValue, asked: readonly string[]): boolean {
  let room = MAX_JUDGED;
  const count = (value: JsonValue | undefined): boolean => {
    const children = typeof value === 'object' && value !== null ? Object.values(value) : [];
    if (children.length === 0) return --room >= 0;
    return children.every(count);
  };
  const places = asked.length === 0 ? [''] : asked;
  return places.length > MAX_JUDGED || !places.every((pointer) => count(valueAt(args, pointer)));
}
