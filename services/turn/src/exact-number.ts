import type { JsonValue } from './canonical-json.ts';
import { isDigit, isOfNumber, stringEnd } from './json-tokens.ts';

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
/** Up to 15 digits and two of an exponent are always held: only what has more is looked at. */
const MAYBE_BEYOND = /[\d.]{16}|\d[eE][+-]?\d{3}/;
/** Characters of a number without exponent that a double holds in any case. */
const SHORT = 15;
/** Digits with which each double can be told from all others. */
const OF_DOUBLE = 17;
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

/** Stands before the place of a number while it is parsed as a string. Nobody outside of this process can write it. */
const MARK = `number ${crypto.randomUUID()} `;

/**
 * Parses JSON as JSON.parse does, but keeps numbers that a double cannot hold as their text. A text without any, as nearly all
 * are, is parsed as it always was. Throws SyntaxError; a number that has no canonical text is told to `onVague`, which may throw.
 * (A function that JSON.parse calls for each value, which it gives the source text, takes seventy times as long.)
 */
export function parseExact(text: string, onVague?: () => never): unknown {
  const value: unknown = JSON.parse(text);
  if (!MAYBE_BEYOND.test(text)) return value;
  const exact: ExactNumber[] = [];
  let marked = '';
  let from = 0;
  for (const { source, at } of numbersBeyond(text)) {
    if (onVague !== undefined && decimalOf(source) === undefined) onVague();
    marked += `${text.slice(from, at)}"${MARK}${exact.length}"`;
    from = at + source.length;
    exact.push(rawJSON(source));
  }
  return exact.length === 0
    ? value
    : unmarkedIn(JSON.parse(marked + text.slice(from)), MARK, (index) => exact[Number(index)]);
}

/** Tells whether valid JSON text holds a number that `JSON.parse` would change; of other texts it says either. */
export function hasBeyondDouble(text: string): boolean {
  return MAYBE_BEYOND.test(text) && numbersBeyond(text).next().done === false;
}

// By hand: an expression would be tried at each digit of a long list. Digits inside a string are text.
function* numbersBeyond(text: string): Generator<{ readonly source: string; readonly at: number }> {
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      const close = stringEnd(text, at);
      // A text that ends in a string is none of JSON: many are looked at before it is known whether they are.
      if (close === -1) return;
      at = close + 1;
      continue;
    }
    if (!isDigit(code) && code !== 0x2d) {
      at++;
      continue;
    }
    let end = at + 1;
    let hasExponent = false;
    for (let next = text.charCodeAt(end); isOfNumber(next); next = text.charCodeAt(++end)) {
      if (next === 0x65 || next === 0x45) hasExponent = true;
    }
    if (end - at > SHORT || hasExponent) {
      const source = text.slice(at, end);
      if (isBeyondDouble(source)) yield { source, at };
    }
    at = end;
  }
}

/**
 * A value that was just parsed, with what `read` makes of each string that begins with a mark: in place, since it is its
 * caller's own, and without recursion, since it may be deep.
 */
export function unmarkedIn(value: unknown, mark: string, read: (rest: string) => unknown): unknown {
  const whole = { value };
  const open: Record<string, unknown>[] = [whole];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const key of Object.keys(parent)) {
      const child = parent[key];
      if (typeof child === 'object' && child !== null) open.push(child as Record<string, unknown>);
      else if (typeof child === 'string' && child.startsWith(mark)) parent[key] = read(child.slice(mark.length));
    }
  }
  return whole.value;
}

/** A value with the double for each number that is kept as its text; itself where there is none. */
export function withDoubles(value: unknown): unknown {
  return holdsExact(value) ? rounded(value) : value;
}

function holdsExact(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (isRawJSON(value)) return true;
  if (Array.isArray(value)) return value.some(holdsExact);
  for (const key of Object.keys(value)) if (holdsExact((value as Record<string, unknown>)[key])) return true;
  return false;
}

function rounded(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isExactNumber(value)) return Number(value.rawJSON);
  if (Array.isArray(value)) return value.map(rounded);
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, rounded(child)]));
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
  if (written === undefined || written.digits.length > OF_DOUBLE) return true;
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
