import { type JsonValue, parseStrict } from '@sallyport/turn/canonical-json';
import { exactText, isExactNumber } from '@sallyport/turn/exact-number';
import { isDay, momentBits } from './date-text.ts';
import type { AskedField, Question } from './question.ts';

/** One value of an answer that fits its field. */
export type AnswerScalar = string | number | boolean;

/** What an answer says of a field. Null: the content does not say. */
export type AnswerValue = AnswerScalar | null | readonly AnswerScalar[];

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

// Room for JSON's own characters and escapes beside the values.
const OVERHEAD = 6;

/** Checks an answer strictly: no extra or missing key, no other type, nothing oversized, no key twice. */
export function readAnswer(
  text: string,
  question: Question,
  stringLength: number,
): { readonly items: readonly AnswerItem[] } | { readonly fault: AnswerFault } {
  const { fields, list, maxItems } = question;
  const values = fields.reduce((sum, field) => sum + (field.many ? maxItems : 1), 0) * (list ? maxItems : 1);
  if (text.length > values * (stringLength + 100) * OVERHEAD) return { fault: 'too_long' };
  let value: JsonValue;
  try {
    value = parseStrict(text, { maxDepth: 4, exactNumbers: true });
  } catch {
    return { fault: 'not_json' };
  }
  let items: JsonValue[] = [value];
  if (list) {
    if (!isObject(value)) return { fault: 'not_an_object' };
    if (Object.keys(value).length !== 1 || !Array.isArray(value.items)) return { fault: 'wrong_keys' };
    if (value.items.length > maxItems) return { fault: 'too_many_items' };
    items = value.items;
  }
  const read: AnswerItem[] = [];
  for (const item of items) {
    const result = readItem(item, question, stringLength);
    if (typeof result === 'string') return { fault: result };
    read.push(result);
  }
  return { items: read };
}

function readItem(item: JsonValue, { fields, maxItems }: Question, stringLength: number): AnswerItem | AnswerFault {
  if (!isObject(item)) return 'not_an_object';
  if (Object.keys(item).length !== fields.length) return 'wrong_keys';
  const read: Record<string, AnswerValue> = Object.create(null);
  for (const field of fields) {
    if (!Object.hasOwn(item, field.name)) return 'wrong_keys';
    const value = item[field.name] as JsonValue;
    if (!field.many && value === null) {
      read[field.name] = null;
      continue;
    }
    if (field.many !== Array.isArray(value)) return 'wrong_type';
    const values = Array.isArray(value) ? value : [value];
    if (values.length > maxItems) return 'too_many_items';
    const fitting: AnswerScalar[] = [];
    for (const one of values) {
      const fit = fitted(one, field);
      if (fit === undefined) return 'wrong_type';
      if (typeof fit === 'string' && fit.length > stringLength) return 'string_too_long';
      fitting.push(fit);
    }
    read[field.name] = field.many ? fitting : (fitting[0] as AnswerScalar);
  }
  return read;
}

function fitted(value: JsonValue, { type, values }: AskedField): AnswerScalar | undefined {
  if (typeof value === 'boolean') return type === 'Boolean' ? value : undefined;
  if (typeof value === 'number') {
    if (type === 'Number' || (type === 'Integer' && Number.isSafeInteger(value))) return value;
    // Simple models give numbers among strings. Behind a handle its digits are as good as any text.
    return type === 'String' ? String(value) : undefined;
  }
  if (isExactNumber(value)) return type === 'String' ? exactText(value) : undefined;
  if (typeof value !== 'string') return undefined;
  return fitsText(value, type, values) ? value : undefined;
}

function fitsText(value: string, type: AskedField['type'], values: readonly string[]): boolean {
  switch (type) {
    case 'String':
      return true;
    case 'Enum':
      return values.includes(value);
    case 'Date':
      return isDay(value);
    case 'DateTime':
      // Content often names a day without a time.
      return isDay(value) || momentBits(value) !== undefined;
    default:
      return false;
  }
}

function isObject(value: JsonValue): value is { [key: string]: JsonValue } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
