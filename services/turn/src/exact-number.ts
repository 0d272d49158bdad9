import type { JsonValue } from './canonical-json.ts';
import { stringEnd } from './json-strings.ts';

/**
 * A number that a double cannot hold, as its source text: `JSON.stringify` prints it as it was written. It is a leaf, although
 * `typeof` calls it an object: what walks through values asks `isExactNumber` first. Only this file makes it, and no JSON object
 * is taken for one.
 */
export type ExactNumber = { readonly rawJSON: string };

// ES2026 (proposal-json-parse-with-source), which Node 24 has and TypeScript's library does not.
const { isRawJSON, rawJSON } = JSON as unknown as {
  isRawJSON(value: unknown): boolean;
  rawJSON(text: string): ExactNumber;
};
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown,
) => unknown;

/** Up to 15 digits and two of an exponent are always held: only what has more is looked at. */
const MAYBE_BEYOND = /[\d.]{16}|\d[eE][+-]?\d{3}/;
const NUMBERS = /-?\d[\d.eE+-]*/g;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const PLAIN_INTEGER = /^-?\d+$/;
/** From here on a double is printed with an exponent, which readers of integers do not take. */
const MAX_PLAIN = 21;
/** Beyond this no two exponents are told apart. */
const MAX_EXPONENT = 999_999;
/** Longest integer that is written out in its canonical form. */
const MAX_WRITTEN_OUT = 400;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** Tells whether a value is a number kept as its source text. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return typeof value === 'object' && value !== null && isRawJSON(value);
}

/** Tells whether a value is a JSON object: no list, and no number kept as its source text. */
export function isJsonObject(value: unknown): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawJSON(value);
}

/** The number that a JSON text of one says: a double where that holds it, else the text. */
export function exactNumber(source: string): number | ExactNumber {
  return isBeyondDouble(source) ? rawJSON(source) : Number(source);
}

/**
 * Parses JSON as JSON.parse does, but keeps numbers that a double cannot hold as their text. A text without any, as nearly all
 * are, is parsed as it always was. Throws SyntaxError; a number that has no canonical text is told to `onVague`, which may throw.
 */
export function parseExact(text: string, onVague?: () => never): unknown {
  if (!hasBeyondDouble(text)) return JSON.parse(text);
  return parseWithSource(text, (_key, value, { source }) => {
    if (typeof value !== 'number' || !isBeyondDouble(source)) return value;
    if (onVague !== undefined && decimalOf(source) === undefined) onVague();
    return rawJSON(source);
  });
}

/** Tells whether valid JSON text holds a number that `JSON.parse` would change. */
export function hasBeyondDouble(text: string): boolean {
  return MAYBE_BEYOND.test(text) && numbersBetweenStrings(text);
}

// Digits inside a string are text.
function numbersBetweenStrings(text: string): boolean {
  for (let from = 0; from <= text.length; ) {
    const open = text.indexOf('"', from);
    const between = text.slice(from, open === -1 ? text.length : open);
    for (const [source] of between.matchAll(NUMBERS)) {
      if (MAYBE_BEYOND.test(source) && isBeyondDouble(source)) return true;
    }
    if (open === -1) return false;
    from = stringEnd(text, open) + 1;
  }
  return false;
}

/**
 * Tells whether parsing changes a number: its double is printed as another one. A fraction in the 17 digits with which many
 * languages print a double (0.10000000000000001) is that double. An integer of more digits than ECMAScript writes out counts
 * as changed, since it would come out with an exponent.
 */
export function isBeyondDouble(source: string): boolean {
  const double = Number(source);
  const printed = String(double);
  if (printed === source) return false;
  const written = decimalOf(source);
  if (written === undefined) return true;
  if (PLAIN_INTEGER.test(source) && written.point > MAX_PLAIN) return true;
  if (same(written, decimalOf(printed))) return false;
  return written.digits.length <= written.point || !same(written, decimalOf(double.toPrecision(17)));
}

/**
 * The canonical text of a number kept as its source: one for all spellings of one value, and that of RFC 8785 where a double
 * holds the value. Undefined where it is too far from 1 to be told from others.
 */
export function canonicalNumber({ rawJSON: source }: ExactNumber): string | undefined {
  const written = decimalOf(source);
  if (written === undefined) return undefined;
  const printed = String(Number(source));
  if (same(written, decimalOf(printed))) return printed;
  const { sign, digits, point } = written;
  if (point >= digits.length && point <= MAX_WRITTEN_OUT) return `${sign}${digits.padEnd(point, '0')}`;
  if (point > 0 && point < digits.length) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  if (point > -6 && point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const rest = digits.length > 1 ? `.${digits.slice(1)}` : '';
  return `${sign}${digits[0]}${rest}e${point > 0 ? '+' : ''}${point - 1}`;
}

/** The canonical text where there is one, else how it was written. */
export function exactText(value: ExactNumber): string {
  return canonicalNumber(value) ?? value.rawJSON;
}

/** An integer that fits 64 bits, signed, where a double may not hold it; undefined for every other number. */
export function int64Of(value: number | ExactNumber): bigint | undefined {
  const text = typeof value === 'number' ? String(value) : (canonicalNumber(value) ?? '');
  if (!PLAIN_INTEGER.test(text)) return undefined;
  const whole = BigInt(text);
  return whole >= MIN_INT64 && whole <= MAX_INT64 ? whole : undefined;
}

/** A number as 0.DIGITS × 10^point, without zeros around its digits. */
interface Decimal {
  readonly sign: string;
  readonly digits: string;
  readonly point: number;
}

function decimalOf(source: string): Decimal | undefined {
  const parts = NUMBER.exec(source);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const all = whole + fraction;
  let start = 0;
  while (all.charCodeAt(start) === 0x30) start++;
  let end = all.length;
  while (end > start && all.charCodeAt(end - 1) === 0x30) end--;
  if (start === end) return { sign: '', digits: '0', point: 1 };
  const by = Number(exponent);
  if (Math.abs(by) > MAX_EXPONENT) return undefined;
  return { sign, digits: all.slice(start, end), point: whole.length - start + by };
}

function same(one: Decimal, other: Decimal | undefined): boolean {
  return other !== undefined && one.digits === other.digits && one.point === other.point && one.sign === other.sign;
}
