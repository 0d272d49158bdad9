import { DecodeError } from '../../chat/failure.ts';
import { asNumber, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';

const snakes = new Map<string, string>();

function snakeOf(name: string): string {
  let snake = snakes.get(name);
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    snakes.set(name, snake);
  }
  return snake;
}

/**
 * A field of a message in proto3 JSON, which may be written as `inlineData` or as `inline_data`
 * (protobuf.dev/programming-guides/json). Names are those of this source, never of a client. DecodeError where both stand:
 * whoever reads the same bytes next may take the other one.
 */
export function field(object: JsonObject | undefined, name: string): unknown {
  if (object === undefined) return undefined;
  const snake = snakeOf(name);
  const value = object[name];
  if (snake === name) return value;
  const other = object[snake];
  if (value !== undefined && other !== undefined) {
    throw new DecodeError('wrong_shape', name, 'is given in both spellings');
  }
  return value ?? other;
}

/** The field if it is an object. */
export function objectField(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = field(object, name);
  return isObject(value) ? value : undefined;
}

/** The field if it is a string. */
export function stringField(object: JsonObject | undefined, name: string): string | undefined {
  const value = field(object, name);
  return typeof value === 'string' ? value : undefined;
}

/** The field if it is a finite number; 64-bit numbers come as strings in proto3 JSON. */
export function numberField(object: JsonObject | undefined, name: string): number | undefined {
  const value = field(object, name);
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  return asNumber(number);
}

/** The field if it is an array, else an empty one. */
export function arrayField(object: JsonObject | undefined, name: string): readonly unknown[] {
  const value = field(object, name);
  return Array.isArray(value) ? value : [];
}

/** Both spellings of field names, for telling known fields from others. */
export function spellings(...names: readonly string[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => [name, snakeOf(name)]));
}

/** A copy of an object without some fields, in whichever spelling. */
export function withoutFields(object: JsonObject, ...names: readonly string[]): JsonObject {
  const copy = { ...object };
  for (const name of spellings(...names)) delete copy[name];
  return copy;
}

/** Entries of a repeated field. DecodeError for what is no list: parsers of proto3 JSON take a lone value for one. */
export function listField(object: JsonObject | undefined, name: string, path: string): readonly unknown[] {
  const value = field(object, name);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new DecodeError('wrong_shape', path, 'must be an array');
  return value;
}

/** A positive count, also as proto3 JSON writes 64-bit numbers. DecodeError for any other value: a limit is never guessed. */
export function countField(object: JsonObject | undefined, name: string, path: string): number | undefined {
  const value = field(object, name);
  if (value === undefined || value === null) return undefined;
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1) {
    throw new DecodeError('wrong_shape', path, 'must be a positive integer');
  }
  return count;
}
