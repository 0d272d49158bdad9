import type { JsonValue } from '@sallyport/turn/canonical-json';
import { isExactNumber } from '@sallyport/turn/exact-number';
import { childPointer } from '@sallyport/turn/json-pointer';
import type { Place } from './place.ts';
import { isPlainKey } from './plain-text.ts';

/** Where a string stands in a structured result. */
export interface Standing {
  readonly pointer: string;
  /** The pointer holds indices and declared names only, so it may be shown. */
  readonly showable: boolean;
}

/** Finds where strings of an answer stand in a tool's structured result. */
export interface Pointers {
  /** How many strings there are to point at. */
  readonly count: number;
  /**
   * Where a string stands that equals the value: first one under a key of that name, then any. One that was given out is
   * not given again while there is another one, so that equal values of a list keep their order.
   */
  find(name: string, value: string): Standing | undefined;
}

interface Leaf extends Standing {
  readonly key: string;
  given: boolean;
}

const MAX_LEAVES = 50_000;

/** Indexes the strings of a structured result; `names` are the question's own words, which may be shown as well. */
export function indexPointers(result: JsonValue | undefined, place: Place, names: ReadonlySet<string>): Pointers {
  const leaves = new Map<string, Leaf[]>();
  let count = 0;
  const visit = (value: JsonValue, at: Place, pointer: string, key: string, showable: boolean): void => {
    if (count >= MAX_LEAVES) return;
    if (typeof value === 'string') {
      count++;
      const leaf = { pointer, key, showable, given: false };
      const same = leaves.get(value);
      if (same === undefined) leaves.set(value, [leaf]);
      else same.push(leaf);
    } else if (Array.isArray(value)) {
      for (const [index, child] of value.entries()) {
        visit(child, at.child(index), childPointer(pointer, index), key, showable);
      }
    } else if (value !== null && typeof value === 'object' && !isExactNumber(value)) {
      for (const [name, child] of Object.entries(value)) {
        const known = isPlainKey(name) && (at.declares(name) || names.has(name));
        visit(child, at.child(name), childPointer(pointer, name), name, showable && known);
      }
    }
  };
  if (result !== undefined) visit(result, place, '', '', true);
  return {
    count,
    find(name, value) {
      const same = leaves.get(value);
      if (same === undefined) return undefined;
      const named = same.filter((leaf) => leaf.key.toLowerCase() === name.toLowerCase());
      const candidates = named.length > 0 ? named : same;
      const leaf = candidates.find((one) => !one.given) ?? candidates[0];
      if (leaf !== undefined) leaf.given = true;
      return leaf;
    },
  };
}
