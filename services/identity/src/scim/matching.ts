import type { Filter } from './filter.ts';
import { isObject, type Json, memberOf } from './json.ts';

// Compared as they are written (RFC 7643: caseExact).
const EXACT = new Set(['id', 'externalid', 'value', '$ref', 'version', 'location']);

/** Tells whether a filter holds of a resource or, within brackets, of one value of an attribute. */
export function holds(filter: Filter, of: Json): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.parts.every((part) => holds(part, of));
    case 'or':
      return filter.parts.some((part) => holds(part, of));
    case 'not':
      return !holds(filter.part, of);
    case 'present':
      return valuesAt(of, filter.path).some(isPresent);
    case 'some':
      return valuesAt(of, filter.path).some((value) => holds(filter.part, isObject(value) ? value : { value }));
    case 'compare': {
      const values = valuesAt(of, filter.path).map((value) => (isObject(value) ? memberOf(value, 'value') : value));
      const given = values.filter((value) => value !== undefined && value !== null);
      if (filter.value === null) return (given.length === 0) === (filter.operator === 'eq');
      if (filter.operator === 'ne') return !given.some((value) => compares(filter, 'eq', value));
      return given.some((value) => compares(filter, filter.operator, value));
    }
  }
}

function compares(filter: Filter & { kind: 'compare' }, operator: string, value: unknown): boolean {
  const exact = EXACT.has(filter.path.at(-1)?.toLowerCase() ?? '');
  const fold = (one: unknown) => (typeof one === 'string' && !exact ? one.toLowerCase() : one);
  // A truth value may be written as text, as some clients do.
  const truth = (one: unknown) => (one === true ? 'true' : one === false ? 'false' : one);
  const [left, right] =
    typeof value === 'boolean' || typeof filter.value === 'boolean'
      ? [truth(fold(value)), truth(fold(filter.value))]
      : [fold(value), fold(filter.value)];
  if (operator === 'eq') return left === right;
  if (typeof left === 'string' && typeof right === 'string') {
    if (operator === 'co') return left.includes(right);
    if (operator === 'sw') return left.startsWith(right);
    if (operator === 'ew') return left.endsWith(right);
  }
  if (typeof left !== typeof right || (typeof left !== 'string' && typeof left !== 'number')) return false;
  const [a, b] = [left, right as typeof left];
  if (operator === 'gt') return a > b;
  if (operator === 'ge') return a >= b;
  if (operator === 'lt') return a < b;
  return operator === 'le' && a <= b;
}

function valuesAt(of: Json, path: readonly string[]): unknown[] {
  let values: unknown[] = [of];
  for (const name of path) {
    values = values.flatMap((value) => {
      if (!isObject(value)) return [];
      const member = memberOf(value, name);
      return Array.isArray(member) ? member : member === undefined ? [] : [member];
    });
  }
  return values;
}

function isPresent(value: unknown): boolean {
  if (value === null || value === '') return false;
  return !isObject(value) || Object.keys(value).length > 0;
}
