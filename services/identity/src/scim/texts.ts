import { bad } from './faults.ts';
import { type Json, memberOf } from './json.ts';

/** Longest text of an attribute, in characters. */
export const MAX_TEXT = 2_048;
/** Longest id that a client gives its own resources: what is longer fits into no index. */
export const MAX_EXTERNAL_ID = 512;

/** An attribute of text; undefined where it is absent or null. Throws `invalidValue` for what cannot be kept. */
export function textOf(given: Json, name: string, max = MAX_TEXT): string | undefined {
  const value = memberOf(given, name);
  return value === undefined || value === null ? undefined : textIn(value, name, max);
}

/** A value as text. Throws `invalidValue` for what is none, is too long or cannot be kept. */
export function textIn(value: unknown, name: string, max = MAX_TEXT): string {
  if (typeof value !== 'string') throw bad('invalidValue', `${name} must be text.`);
  if (value.length > max) throw bad('invalidValue', `${name} has at most ${max} characters.`);
  // Postgres keeps neither in text.
  if (value.includes('\u0000') || !value.isWellFormed()) throw bad('invalidValue', `${name} cannot be kept.`);
  return value;
}
