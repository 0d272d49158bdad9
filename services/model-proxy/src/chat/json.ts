import { isExactNumber, parseExact } from '@sallyport/turn/exact-number';
import { DecodeError } from './failure.ts';
import type { JsonObject } from './message.ts';

/** True for a JSON object: not null, not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value if it is a string. */
export function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value if it is a finite number. */
export function asNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  // What counts or measures is a double, however many digits of it are written.
  return isExactNumber(value) ? asNumber(Number(value.rawJSON)) : undefined;
}

/** The value if it is an array, else an empty one. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value if it is an object, else undefined. */
export function asObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

/** Parses the JSON text of a call's arguments, which must be an object; every number stays as it is written. */
export function parseArguments(text: string): JsonObject | undefined {
  try {
    const value = parseExact(text);
    return isObject(value) && !isExactNumber(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Parses JSON text that must be an object, or undefined. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const ARGUMENTS = /"arguments"\s*:\s*\{/;

/** Tells whether a body in a dialect whose arguments are texts has them as values all the same, as some servers write them. */
export function hasArguments(text: string): boolean {
  return ARGUMENTS.test(text);
}

/**
 * Parses a provider's body or SSE payload; DecodeError where it is not a JSON object. With `exact`, every number stays as it is
 * written: for bodies in which the arguments of calls are values.
 */
export function parseBody(text: string, exact = false): JsonObject {
  let value: unknown;
  try {
    value = exact ? parseExact(text) : JSON.parse(text);
  } catch (cause) {
    throw new DecodeError('not_json', '', 'is not JSON', { cause });
  }
  if (!isObject(value)) throw new DecodeError('wrong_shape', '', 'is not a JSON object');
  return value;
}

/** The fields of `source` that are not in `known`, or undefined where there are none. */
export function otherFields(source: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  let rest: JsonObject | undefined;
  for (const key of Object.keys(source)) {
    if (known.has(key) || source[key] === undefined) continue;
    rest ??= {};
    // A provider may send such a key, which must become one like any other.
    if (key === '__proto__') {
      Object.defineProperty(rest, key, { value: source[key], enumerable: true, writable: true, configurable: true });
    } else rest[key] = source[key];
  }
  return rest;
}
