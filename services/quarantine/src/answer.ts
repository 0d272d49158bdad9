import { type JsonValue, parseStrict } from '@sallyport/turn/canonical-json';
import type { AskedField, Question } from './question.ts';

/** A value of an answer that fits its field. Null: the content does not say. */
export type AnswerValue = string | number | boolean | null;

/** One object of an answer, in the order of the question's fields. */
export type AnswerItem = Readonly<Record<string, AnswerValue>>;

/** Why an answer does not fit; says nothing of its content. */
export type AnswerFault =
  | 'too_long'
  | 'not_json'
  | 'not_an_object'
  | 'wrong_keys'
  | 'too_many_items'
  | 'wrong_type'
  | 'string_too_long';

const DATE = /^\d{4}-\d{2}-\d{2}$/;
// Room for JSON's own characters and escapes beside the values.
const OVERHEAD = 6;

/** Checks an answer strictly: no extra or missing key, no other type, nothing oversized, no key twice. */
export function readAnswer(
  text: string,
  question: Question,
  stringLength: number,
): { readonly items: readonly AnswerItem[] } | { readonly fault: AnswerFault } {
  const most = question.maxItems * question.fields.length * (stringLength + 100) * OVERHEAD;
  if (text.length > most) return { fault: 'too_long' };
  let value: JsonValue;
  try {
    value = parseStrict(text, { maxDepth: 4 });
  } catch {
    return { fault: 'not_json' };
  }
  let items: JsonValue[] = [value];
  if (question.list) {
    if (!isObject(value)) return { fault: 'not_an_object' };
    if (Object.keys(value).length !== 1 || !Array.isArray(value.items)) return { fault: 'wrong_keys' };
    if (value.items.length > question.maxItems) return { fault: 'too_many_items' };
    items = value.items;
  }
  const read: AnswerItem[] = [];
  for (const item of items) {
    const result = readItem(item, question.fields, stringLength);
    if (typeof result === 'string') return { fault: result };
    read.push(result);
  }
  return { items: read };
}

function readItem(item: JsonValue, fields: readonly AskedField[], stringLength: number): AnswerItem | AnswerFault {
  if (!isObject(item)) return 'not_an_object';
  if (Object.keys(item).length !== fields.length) return 'wrong_keys';
  const read: Record<string, AnswerValue> = Object.create(null);
  for (const field of fields) {
    if (!Object.hasOwn(item, field.name)) return 'wrong_keys';
    const value = item[field.name] as JsonValue;
    if (value !== null && typeof value === 'object') return 'wrong_type';
    if (!fits(value, field)) return 'wrong_type';
    if (field.type === 'String' && typeof value === 'string' && value.length > stringLength) return 'string_too_long';
    read[field.name] = value;
  }
  return read;
}

function fits(value: string | number | boolean | null, field: AskedField): boolean {
  if (value === null) return true;
  switch (field.type) {
    case 'String':
      return typeof value === 'string';
    case 'Integer':
      return Number.isSafeInteger(value);
    case 'Number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'Boolean':
      return typeof value === 'boolean';
    case 'Enum':
      return typeof value === 'string' && field.values.includes(value);
    case 'Date':
      return typeof value === 'string' && isDay(value);
  }
}

// `Date` reads 30 February as 1 March, so the day is written again and compared.
function isDay(text: string): boolean {
  if (!DATE.test(text)) return false;
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().slice(0, 10) === text;
}

function isObject(value: JsonValue): value is { [key: string]: JsonValue } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
