/**
 * How many of the first items go together: at most `most`, and no more than have `total` in all; at least one, whatever it
 * has. The one rule of what is sent in portions.
 */
export function portionLength<T>(
  items: readonly T[],
  sizeOf: (one: T) => number,
  { most, total }: { readonly most: number; readonly total: number },
): number {
  let size = 0;
  let length = 0;
  for (; length < Math.min(items.length, most); length++) {
    size += sizeOf(items[length] as T);
    if (length > 0 && size > total) break;
  }
  return length;
}

/** Takes items apart into such portions. */
export function portionsOf<T>(items: readonly T[], sizeOf: (one: T) => number, total: number): T[][] {
  const found: T[][] = [];
  for (let at = 0; at < items.length; ) {
    const rest = items.slice(at);
    const portion = rest.slice(0, portionLength(rest, sizeOf, { most: rest.length, total }));
    found.push(portion);
    at += portion.length;
  }
  return found;
}
