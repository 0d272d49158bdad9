import type { ZodType } from 'zod';

interface Definition {
  readonly innerType?: ZodType;
  readonly in?: ZodType;
  readonly element?: ZodType;
  readonly valueType?: ZodType;
  readonly shape?: Record<string, ZodType>;
  readonly options?: readonly ZodType[];
}

const definitionOf = (schema: ZodType): Definition => schema.def as unknown as Definition;

/** Takes off what wraps a schema without changing its keys: optional, default, prefault, pipe. */
function unwrapped(schema: ZodType): ZodType {
  const { innerType, in: input } = definitionOf(schema);
  const inner = innerType ?? input;
  return inner === undefined ? schema : unwrapped(inner);
}

/** The keys that a schema knows for the object at a path; empty where it knows none. */
export function schemaKeysAt(root: ZodType, path: readonly PropertyKey[]): string[] {
  let candidates = [unwrapped(root)];
  for (const step of path) {
    candidates = candidates.flatMap(branches).flatMap((schema) => {
      const definition = definitionOf(schema);
      const next = definition.shape?.[String(step)] ?? definition.element ?? definition.valueType;
      return next === undefined ? [] : [unwrapped(next)];
    });
  }
  return candidates.flatMap(branches).flatMap((schema) => Object.keys(definitionOf(schema).shape ?? {}));
}

function branches(schema: ZodType): ZodType[] {
  const { options } = definitionOf(schema);
  return options === undefined ? [schema] : options.flatMap((option) => branches(unwrapped(option)));
}

/** The known word nearest to a mistyped one, when it is near enough to be what was meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
