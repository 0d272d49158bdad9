import { matchesGlob } from '@sallyport/custom-resources/glob';

export { matchesGlob };

const MAX_INTERSECTION = 32;

/** Tells whether one of several patterns matches a text. */
export function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matchesGlob(pattern, text));
}

/** Tells whether a pattern has a star; one without matches itself only. */
export function isPattern(pattern: string): boolean {
  return pattern.includes('*');
}

/**
 * Patterns for what matches one of `a` and one of `b`. Never wider than that; where the exact answer would need more
 * than 32 patterns a pair, the rest is left out, which denies.
 */
export function intersectGlobs(a: readonly string[], b: readonly string[]): string[] {
  const found = new Set<string>();
  for (const left of a) for (const right of b) for (const both of intersectPair(left, right)) found.add(both);
  return widest([...found]);
}

function intersectPair(a: string, b: string): readonly string[] {
  if (matchesGlob(b, a)) return [a];
  if (matchesGlob(a, b)) return [b];
  if (!isPattern(a) || !isPattern(b)) return [];
  // cells[j]: intersections of the rest of a from i with the rest of b from j.
  let below: string[][] = [];
  for (let i = a.length; i >= 0; i--) {
    const row: string[][] = [];
    for (let j = b.length; j >= 0; j--) row[j] = cell(a, b, i, j, row[j + 1] ?? [], below);
    below = row;
  }
  return below[0] ?? [];
}

function cell(a: string, b: string, i: number, j: number, right: string[], below: string[][]): string[] {
  if (i === a.length && j === b.length) return [''];
  const one = a[i];
  const other = b[j];
  const down = below[j] ?? [];
  if (one === '*' && other === '*') return widest([...down, ...right].map(withStar));
  if (one === '*') return widest([...down, ...(other === undefined ? [] : right.map((rest) => other + rest))]);
  if (other === '*') return widest([...right, ...(one === undefined ? [] : down.map((rest) => one + rest))]);
  return one === other && one !== undefined ? (below[j + 1] ?? []).map((rest) => one + rest) : [];
}

function withStar(rest: string): string {
  return rest.startsWith('*') ? rest : `*${rest}`;
}

function widest(patterns: readonly string[]): string[] {
  const unique = [...new Set(patterns)];
  return unique
    .filter((one) => !unique.some((other) => other !== one && matchesGlob(other, one)))
    .slice(0, MAX_INTERSECTION);
}
