import type { JsonValue } from './canonical-json.ts';

/** Appends one key or index to a JSON pointer (RFC 6901 §3: `~` and `/` are escaped). */
export function childPointer(parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}/${key}`;
  return `${parent}/${key.includes('~') || key.includes('/') ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key}`;
}

/** Splits a JSON pointer into its unescaped tokens; the empty pointer (the whole document) has none. */
export function pointerTokens(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const INDEX = /^(0|[1-9]\d{0,8})$/;

/** The value at a JSON pointer; undefined where there is none, or where a member is inherited. */
export function valueAt(value: JsonValue, pointer: string): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const token of pointerTokens(pointer)) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (Array.isArray(at)) at = INDEX.test(token) ? at[Number(token)] : undefined;
    else at = Object.hasOwn(at, token) ? at[token] : undefined;
  }
  return at;
}

/**
 * Tells whether a pointer is, or lies under, what a pattern names: a JSON pointer in which a token `*` stands for any
 * index or member.
 */
export function pointerMatches(pattern: string, pointer: string): boolean {
  const wanted = pattern.split('/');
  const tokens = pointer.split('/');
  return wanted.length <= tokens.length && wanted.every((one, index) => one === '*' || one === tokens[index]);
}
