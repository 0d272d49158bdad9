import { type JsonValue, parseStrict } from '@sallyport/turn/canonical-json';
import { childPointer } from '@sallyport/turn/json-pointer';

/** Finds where strings of an answer stand in a tool's structured result. */
export interface Pointers {
  /**
   * JSON pointer of a string that equals the value: first one under a key of that name, then any. One that was given
   * out is not given again while there is another one, so that equal values of a list keep their order.
   */
  find(name: string, value: string): string | undefined;
}

const MAX_LEAVES = 50_000;

/** Indexes the strings of a structured result; what is no JSON has none. */
export function indexPointers(structuredJson: string): Pointers {
  const leaves = new Map<string, { pointer: string; key: string; given: boolean }[]>();
  let count = 0;
  const visit = (value: JsonValue, pointer: string, key: string): void => {
    if (count >= MAX_LEAVES) return;
    if (typeof value === 'string') {
      count++;
      const same = leaves.get(value);
      if (same === undefined) leaves.set(value, [{ pointer, key, given: false }]);
      else same.push({ pointer, key, given: false });
    } else if (Array.isArray(value)) {
      for (const [index, child] of value.entries()) visit(child, childPointer(pointer, index), key);
    } else if (value !== null && typeof value === 'object') {
      for (const [name, child] of Object.entries(value)) visit(child, childPointer(pointer, name), name);
    }
  };
  if (structuredJson !== '') {
    try {
      visit(parseStrict(structuredJson), '', '');
    } catch {
      leaves.clear();
    }
  }
  return {
    find(name, value) {
      const same = leaves.get(value);
      if (same === undefined) return undefined;
      const named = same.filter((leaf) => leaf.key.toLowerCase() === name.toLowerCase());
      const candidates = named.length > 0 ? named : same;
      const leaf = candidates.find((one) => !one.given) ?? candidates[0];
      if (leaf !== undefined) leaf.given = true;
      return leaf?.pointer;
    },
  };
}
