import type { Definition } from '../catalog/definition.ts';
import { runsPattern } from './patterns.ts';

const counts = new WeakMap<object, number>();
/** Members that hold names of others, or values: what is called `pattern` in them is none. */
const NAMES = new Set(['properties', '$defs', 'definitions', 'dependentSchemas']);
const DATA = new Set(['enum', 'const', 'default', 'examples', 'required', 'dependentRequired']);

/** How many patterns of a tool's schemas are not run here, so that its server alone checks them. */
export function uncheckedPatterns(definition: Pick<Definition, 'inputSchema' | 'outputSchema'>): number {
  const known = counts.get(definition);
  if (known !== undefined) return known;
  const count = countIn(definition.inputSchema) + countIn(definition.outputSchema);
  counts.set(definition, count);
  return count;
}

/** How many patterns in a schema, or in several, are not run here. */
export function countIn(schema: unknown): number {
  if (typeof schema !== 'object' || schema === null) return 0;
  if (Array.isArray(schema)) return schema.reduce<number>((sum, one) => sum + countIn(one), 0);
  let count = 0;
  for (const [key, child] of Object.entries(schema)) {
    if (DATA.has(key)) continue;
    if (key === 'pattern') count += typeof child === 'string' && !runsPattern(child) ? 1 : 0;
    else if (key === 'patternProperties')
      count += Object.keys(child ?? {}).length + countIn(Object.values(child ?? {}));
    else if (NAMES.has(key)) count += countIn(Object.values(child ?? {}));
    else count += countIn(child);
  }
  return count;
}
