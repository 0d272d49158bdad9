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

/**
 * Tells whether a pointer is, or lies under, what a pattern names: a JSON pointer in which a token `*` stands for any
 * index or member.
 */
export function pointerMatches(pattern: string, pointer: string): boolean {
  const wanted = pattern.split('/');
  const tokens = pointer.split('/');
  return wanted.length <= tokens.length && wanted.every((one, index) => one === '*' || one === tokens[index]);
}
