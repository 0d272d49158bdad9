import type { JsonValue } from './canonical-json.ts';
import { isExactNumber } from './exact-number.ts';
import { childPointer } from './json-pointer.ts';

/** What the model sees in place of a string it may use but not read (DESIGN §5). */
export type Handle = {
  readonly $handle: string;
  readonly type: 'string';
  /** The tool whose result holds the value. */
  readonly from: string;
  /** JSON pointer of the value in that tool's structured result. */
  readonly path: string;
};

/** How a handle is written where it was found. */
export type HandleForm = 'object' | 'bare' | 'inside';

/** A handle found in arguments; the pointer names the string or object that holds it. */
export type FoundHandle = { readonly pointer: string; readonly id: string; readonly form: HandleForm };

// 22 base64url characters are 128 bits: a shorter id could be guessed, so it is no handle.
const ID = 'h_[A-Za-z0-9_-]{22,64}';
const WHOLE_ID = new RegExp(`^${ID}$`);
const KEYS = new Set(['$handle', 'type', 'from', 'path']);
const MAX_OBJECT_FORM = 2100;
const INSIDE = new RegExp(
  `\\{\\s{0,9}"\\$handle"\\s{0,9}:\\s{0,9}"(${ID})"[^{}]{0,2000}\\}|(?<![A-Za-z0-9_~-])(${ID})(?![A-Za-z0-9_-])`,
  'g',
);

/** Makes the wire shape of a handle. `id` is `h_` and at least 128 random bits in base64url, from the caller. */
export function handle(id: string, from: string, path: string): Handle {
  if (!WHOLE_ID.test(id)) throw new RangeError('a handle id is h_ and 22 to 64 base64url characters');
  return { $handle: id, type: 'string', from, path };
}

/** The id of a value that is a handle as a whole, in object form or as its bare name; undefined for all else. */
export function handleIdOf(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value.length <= 66 && WHOLE_ID.test(value) ? value : undefined;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const id = Object.hasOwn(value, '$handle') ? value.$handle : undefined;
  if (typeof id !== 'string' || !WHOLE_ID.test(id)) return undefined;
  // An object with members of its own is the model's data around a handle's name, not a handle.
  return Object.keys(value).every((key) => KEYS.has(key)) ? id : undefined;
}

/** A handle inside a text, from `start` to `end`. */
export type PlacedHandle = { readonly id: string; readonly start: number; readonly end: number };

/** The handles in a text in order, in either form. */
export function placedHandles(text: string): PlacedHandle[] {
  if (!text.includes('h_')) return [];
  return [...text.matchAll(INSIDE)].map((match) => ({
    id: match[1] ?? match[2] ?? '',
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/** The ids of the handles in a text. */
export function handleIdsIn(text: string): string[] {
  return placedHandles(text).map((one) => one.id);
}

/** Finds all handles in a call's arguments. Handles in object keys are not found: there they stand for nothing. */
export function findHandles(args: JsonValue): FoundHandle[] {
  const found: FoundHandle[] = [];
  visit(args, '', found);
  return found;
}

function visit(value: JsonValue, pointer: string, into: FoundHandle[]): void {
  const id = handleIdOf(value);
  if (id !== undefined) {
    into.push({ pointer, id, form: typeof value === 'string' ? 'bare' : 'object' });
  } else if (typeof value === 'string') {
    for (const inside of handleIdsIn(value)) into.push({ pointer, id: inside, form: 'inside' });
  } else if (value !== null && typeof value === 'object') {
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, child] of entries) visit(child, childPointer(pointer, key), into);
  }
}

/**
 * Breaks handle syntax in text that is not the gate's own, so that nobody but the gate can name a handle:
 * `h_…` becomes `h~_…`, `$handle` becomes `$~handle`. `unescapeHandles` gives the text back.
 */
export function escapeHandles(text: string): string {
  const bare = text.includes('h_') || text.includes('h~');
  const broken = bare ? text.replace(/(?<![A-Za-z0-9_~-])h(~*)_/g, 'h~$1_') : text;
  return broken.includes('$') ? broken.replace(/\$(~*)handle/g, '$$~$1handle') : broken;
}

/** Takes the escapes off again, in arguments and final text after the handles in them were filled. */
export function unescapeHandles(text: string): string {
  if (!text.includes('~')) return text;
  return text.replace(/(?<![A-Za-z0-9_~-])h~(~*)_/g, 'h$1_').replace(/\$~(~*)handle/g, '$$$1handle');
}

/** Escapes handle syntax in all strings and keys of a value. */
export function escapeHandlesIn(value: JsonValue): JsonValue {
  if (typeof value === 'string') return escapeHandles(value);
  if (value === null || typeof value !== 'object' || isExactNumber(value)) return value;
  if (Array.isArray(value)) return value.map(escapeHandlesIn);
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [escapeHandles(key), escapeHandlesIn(child)]));
}

/**
 * Where in a text that is still coming in a handle may have begun: text before this index can be shown, the rest waits
 * for more. The text's length where nothing has.
 */
export function openHandleAt(text: string): number {
  const bare = /(?<![A-Za-z0-9_~-])h(?:_[A-Za-z0-9_-]{0,65})?$/.exec(text)?.index ?? text.length;
  const brace = text.lastIndexOf('{');
  if (brace === -1 || text.length - brace > MAX_OBJECT_FORM || text.indexOf('}', brace) !== -1) return bare;
  const begun = text.slice(brace + 1).replace(/\s+/g, '');
  const opening = '"$handle":"h_';
  return opening.startsWith(begun) || begun.startsWith(opening) ? Math.min(bare, brace) : bare;
}
