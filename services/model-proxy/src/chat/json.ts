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
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The value if it is an array, else an empty one. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value if it is an object, else undefined. */
export function asObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
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

/** Parses a provider's body or SSE payload; DecodeError where it is not a JSON object. */
export function parseBody(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
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
