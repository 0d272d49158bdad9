import type { JsonValue } from '@sallyport/turn/canonical-json';
import type { AnswerItem, AnswerScalar } from './answer.ts';
import { choiceBits, lengthBits, numberBits } from './bits.ts';
import { DAY_BITS, momentBits } from './date-text.ts';
import { type HandleRecord, shownHandle } from './handle-record.ts';
import type { Pointers } from './pointers.ts';
import type { AskedField, Question } from './question.ts';

/** A typed answer as the privileged model sees it, and what stands behind its handles. */
export interface PresentedAnswer {
  readonly shown: JsonValue;
  readonly handles: readonly HandleRecord[];
  /** Bits that a reading model which lies can choose in `shown`. */
  readonly bits: number;
}

/** Puts a handle in place of each string; enum, number, boolean, date and null stay plain (DESIGN §5). */
export function presentAnswer(
  question: Question,
  items: readonly AnswerItem[],
  from: string,
  pointers: Pointers,
  newId: () => string,
): PresentedAnswer {
  const handles: HandleRecord[] = [];
  let bits = question.list ? lengthBits(items.length) : 0;
  const one = (value: AnswerScalar, field: AskedField, inAnswer: string): JsonValue => {
    bits += scalarBits(value, field, pointers.count);
    if (field.type !== 'String' || typeof value !== 'string') return value;
    const standing = pointers.find(field.name, value);
    const path = standing?.pointer ?? inAnswer;
    const record = { id: newId(), value, from, path, shownPath: standing?.showable === true ? path : inAnswer };
    handles.push(record);
    return shownHandle(record);
  };
  const shown = items.map((item, index) => {
    const members = question.fields.map((field): [string, JsonValue] => {
      const value = item[field.name] ?? null;
      // As the reading model was asked to write it: there a list stands in `items`.
      const inAnswer = question.list ? `/items/${index}/${field.name}` : `/${field.name}`;
      if (Array.isArray(value)) {
        bits += lengthBits(value.length);
        return [field.name, value.map((entry: AnswerScalar, nth) => one(entry, field, `${inAnswer}/${nth}`))];
      }
      // Whether there is a value.
      bits++;
      return [field.name, value === null ? null : one(value as AnswerScalar, field, inAnswer)];
    });
    return Object.fromEntries(members);
  });
  return { shown: question.list ? shown : (shown[0] ?? null), handles, bits };
}

// Of a string the model sees no more than where in the result it stands, if it does.
function scalarBits(value: AnswerScalar, { type, values }: AskedField, places: number): number {
  if (typeof value === 'number') return numberBits(value);
  if (typeof value === 'boolean') return 1;
  if (type === 'Enum') return choiceBits(values.length);
  if (type === 'DateTime') return 1 + (momentBits(value) ?? DAY_BITS);
  return type === 'Date' ? DAY_BITS : choiceBits(places);
}
