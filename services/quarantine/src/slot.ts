import type { JsonValue } from '@sallyport/turn/canonical-json';
import { choiceBits, numberBits } from './bits.ts';
import { DAY_BITS, isDay, momentBits } from './date-text.ts';
import type { Kind, Place } from './place.ts';
import { isPlainText } from './plain-text.ts';
import type { ResultField } from './result-field.ts';

const ALL_KINDS = 6;
// A value of a kind that the schema forbids: so unlikely that what keeps to the schema pays next to nothing for it.
const BREACH_BITS = 9 + Math.log2(ALL_KINDS);

/** The kind of a JSON value. */
export function kindOf(value: JsonValue): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as Kind;
}

/** Bits that the kind of a value tells where it stands. */
export function kindBits(kind: Kind, place: Place): number {
  if (place.kinds.size === 0) return Math.log2(ALL_KINDS);
  return place.kinds.has(kind) ? Math.log2(place.kinds.size) : BREACH_BITS;
}

/** Tells whether a value that is trusted by declaration is what the declaration says, and may be shown. */
export function fitsTrusted(value: string | number | boolean, field: ResultField, place: Place): boolean {
  switch (field.type) {
    case 'String':
      return typeof value === 'string' && isPlainText(value, { ...field, uri: isUri(place) });
    case 'Enum':
      return typeof value === 'string' && field.values.includes(value);
    case 'Date':
      return typeof value === 'string' && isDay(value);
    case 'DateTime':
      return typeof value === 'string' && (isDay(value) || momentBits(value) !== undefined);
    case 'Boolean':
      return typeof value === 'boolean';
    case 'Integer':
      return Number.isSafeInteger(value);
    case 'Number':
      return typeof value === 'number';
    case 'Handle':
      return false;
  }
}

/** Bits of an untrusted number or boolean in plain. */
export function scalarBits(value: number | boolean): number {
  return typeof value === 'number' ? numberBits(value) : 1;
}

/**
 * What a string that nobody vouches for may say in plain where it stands: one of the declared words, or a date where one
 * is declared. `fits`: it is one, and is shown; `bits`: what is told by it, or by its being none.
 */
export function stringSlot(text: string, place: Place): { readonly fits: boolean; readonly bits: number } {
  const { field, formats, words } = place;
  if (field?.type === 'Handle') return { fits: false, bits: 0 };
  const declared = field?.type === 'Enum' ? new Set([...words, ...field.values]) : words;
  const day = formats.has('date') || field?.type === 'Date';
  const moment = formats.has('date-time') || field?.type === 'DateTime';
  const word = declared.size > 0 ? choiceBits(declared.size) : 0;
  if (declared.has(text)) return { fits: true, bits: word };
  // Some dates and times are written shorter than declared: a day where a moment may stand is a day all the same.
  if ((day || moment) && isDay(text)) return { fits: true, bits: word + 1 + DAY_BITS };
  const bits = moment ? momentBits(text) : undefined;
  if (bits !== undefined) return { fits: true, bits: word + 1 + bits };
  return { fits: false, bits: word + (day || moment ? 1 : 0) };
}

function isUri({ formats }: Place): boolean {
  return formats.has('uri') || formats.has('url') || formats.has('iri');
}
